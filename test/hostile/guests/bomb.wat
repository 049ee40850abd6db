;; Takes all the memory it can get and writes to every page of it; then it goes on as if nothing had happened.
(func $take
  (loop $lots (br_if $lots (i32.ne (memory.grow (i32.const 64)) (i32.const -1))))
  (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))))
(func $touch (local $at i32)
  (local.set $at (i32.shl (memory.size) (i32.const 16)))
  (loop $more
    (local.set $at (i32.sub (local.get $at) (i32.const 4096)))
    (i32.store (local.get $at) (i32.const -1))
    (br_if $more (local.get $at))))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $take) (call $touch) (i32.const 0))
