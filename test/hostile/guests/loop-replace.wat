;; Changes a header field for ever.
(data (i32.const 64) "x-evilvalue")
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) 
  (loop $again
    (drop (call $proxy_replace_header_map_value (i32.const 0) (i32.const 64) (i32.const 6) (i32.const 70) (i32.const 5)))
    (br $again))
  (i32.const 0))
