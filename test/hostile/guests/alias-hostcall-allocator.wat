;; The allocator is a hostcall.
(export "proxy_on_memory_allocate" (func $proxy_get_header_map_pairs))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (drop (call $proxy_get_header_map_pairs (i32.const 0) (i32.const 1024) (i32.const 1028)))
  (drop (call $proxy_get_property (i32.const 64) (i32.const 15) (i32.const 1024) (i32.const 1028)))
  (i32.const 0))
(data (i32.const 64) "request\00protocol")
