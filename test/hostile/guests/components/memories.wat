;; both roads
;; Two memories of its own.
(memory 2) (memory 250)
(func $on-request-headers (param i32 i32 i32) (result i32)
  (loop $more (br_if $more (i32.ne (memory.grow 1 (i32.const 1)) (i32.const -1))))
  (loop $more (br_if $more (i32.ne (memory.grow 0 (i32.const 1)) (i32.const -1))))
  (i32.const 0))
