;; Asks for all header fields, for ever: each time the host calls its allocator.
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) 
  (loop $again
    (drop (call $proxy_get_header_map_pairs (i32.const 0) (i32.const 1024) (i32.const 1028)))
    (br $again))
  (i32.const 0))
