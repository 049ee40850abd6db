;; Takes all the memory it can get, and aborts as an allocator does that gets no more.
(func $take
  (loop $lots (br_if $lots (i32.ne (memory.grow (i32.const 64)) (i32.const -1))))
  (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))))
(func $abort (unreachable))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $take) (call $abort) (i32.const 0))
