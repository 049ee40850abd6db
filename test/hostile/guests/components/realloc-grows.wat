;; both roads
;; Memory moves with every allocation.
(func $realloc (param i32 i32 i32) (param $size i32) (result i32) (local $at i32)
  (local.set $at (i32.mul (memory.size) (i32.const 65536)))
  (drop (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1))))
  (local.get $at))
(func $on-request-headers (param i32 i32 i32) (result i32)
  (call $headers.entries (i32.const 0) (i32.const 3072)) (i32.const 0))
