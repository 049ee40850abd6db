;; The allocator asks the host for header fields, for which the host asks the allocator.
(func $allocate (export "proxy_on_memory_allocate") (param i32) (result i32)
  (drop (call $proxy_get_header_map_pairs (i32.const 0) (i32.const 1024) (i32.const 1028)))
  (i32.const 8192))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (drop (call $proxy_get_header_map_pairs (i32.const 0) (i32.const 1024) (i32.const 1028)))
  (i32.const 0))
