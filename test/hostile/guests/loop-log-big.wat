;; Logs 64 KiB at a time, for ever.
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) 
  (loop $again
    (drop (call $proxy_log (i32.const 2) (i32.const 0) (i32.const 65536)))
    (br $again))
  (i32.const 0))
