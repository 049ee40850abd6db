;; Replaces all header fields on every level, until the stack ends: most likely inside the host.
(func $deeper
  (drop (call $proxy_get_header_map_pairs (i32.const 0) (i32.const 1024) (i32.const 1028)))
  (drop (call $proxy_set_header_map_pairs (i32.const 0) (i32.load (i32.const 1024)) (i32.load (i32.const 1028))))
  (call $deeper))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $deeper) (i32.const 0))
