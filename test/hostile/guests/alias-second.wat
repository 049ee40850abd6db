;; Uses a second memory of its own, which begins with a word where the engine has its flag.
(memory $first (export "memory") 2)
(memory $second 1)
(data (i32.const 64) "x-secondfirst")
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (i32.store $second (i32.const 0) (i32.const -1))
  ;; "other"
  (i64.store $second (i32.const 64) (i64.const 0x726568746f))
  (memory.fill $second (i32.const 0) (i32.const 255) (i32.const 64))
  (memory.copy $first $second (i32.const 72) (i32.const 64) (i32.const 5))
  (drop (call $proxy_add_header_map_value
    (i32.const 0) (i32.const 64) (i32.const 8) (i32.const 72) (i32.const 5)))
  (i32.store $second (i32.const 0) (i32.const -1))
  (i32.const 0))
