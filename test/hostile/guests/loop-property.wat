;; Asks for a property for ever.
(data (i32.const 64) "request\00path")
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) 
  (loop $again
    (drop (call $proxy_get_property (i32.const 64) (i32.const 12) (i32.const 1024) (i32.const 1028)))
    (br $again))
  (i32.const 0))
