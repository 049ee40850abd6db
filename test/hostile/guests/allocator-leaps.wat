;; Every allocation takes all the memory there is, and answers with the last bytes of it or beyond.
(func $allocate (export "proxy_on_memory_allocate") (param $size i32) (result i32)
  (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
  (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.sub (local.get $size) (i32.const 1))))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  ;; INVALID_MEMORY_ACCESS
  (if (i32.ne (call $proxy_get_header_map_pairs (i32.const 0) (i32.const 1024) (i32.const 1028)) (i32.const 6))
    (then (unreachable)))
  (i32.const 0))
