;; Adds a header field on every level until the stack ends, catches that and goes on as if nothing had happened.
(data (i32.const 64) "x-evildown")
(func $deeper
  (drop (call $proxy_add_header_map_value (i32.const 0) (i32.const 64) (i32.const 6) (i32.const 70) (i32.const 4)))
  (call $deeper))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (try (do (call $deeper)) (catch_all))
  (i32.const 0))
