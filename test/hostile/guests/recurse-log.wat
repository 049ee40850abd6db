;; Logs on every level, until the stack ends: most likely inside the host.
(data (i32.const 64) "down, down, and down")
(func $deeper
  (drop (call $proxy_log (i32.const 2) (i32.const 64) (i32.const 20)))
  (call $deeper))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $deeper) (i32.const 0))
