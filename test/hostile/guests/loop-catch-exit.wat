;; Exits, catches what that throws, and loops for ever.
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (try (do (call $proc_exit (i32.const 1))) (catch_all))
  (loop $again (br $again))
  (i32.const 0))
