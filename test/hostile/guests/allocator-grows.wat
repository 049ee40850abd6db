;; Every allocation grows the memory by a page, so that the host's views of it end in the middle of a hostcall. What
;; comes back must be whole: the pair's first name is `:` and something. At the limit the allocator traps.
(func $allocate (export "proxy_on_memory_allocate") (param $size i32) (result i32) (local $page i32)
  (local.set $page (memory.grow (i32.const 1)))
  (if (i32.eq (local.get $page) (i32.const -1)) (then (call $abort)))
  (i32.shl (local.get $page) (i32.const 16)))
(func $abort (unreachable))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (i32.store (i32.const 1024) (i32.const 0))
  (drop (call $proxy_get_header_map_pairs (i32.const 0) (i32.const 1024) (i32.const 1028)))
  ;; count and the lengths of each pair, then the first name
  (if (i32.ne (i32.const 58) (i32.load8_u
      (i32.add (i32.load (i32.const 1024))
        (i32.add (i32.const 4) (i32.shl (i32.load (i32.load (i32.const 1024))) (i32.const 3))))))
    (then (unreachable)))
  (i32.const 0))
