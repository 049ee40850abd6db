;; Logs for ever.
(data (i32.const 64) "there is more to say")
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) 
  (loop $again
    (drop (call $proxy_log (i32.const 2) (i32.const 64) (i32.const 20)))
    (br $again))
  (i32.const 0))
