;; A 64-bit memory beside the one of the ABI: asks for more than any number of bytes.
(memory $small (export "memory") 1)
(memory $wide i64 1)
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (if (i64.ne (memory.grow $wide (i64.const -1)) (i64.const -1)) (then (unreachable)))
  (if (i64.ne (memory.grow $wide (i64.const 0x1000000000000)) (i64.const -1)) (then (unreachable)))
  (loop $more (br_if $more (i64.ne (memory.grow $wide (i64.const 1)) (i64.const -1))))
  (i32.const 0))
