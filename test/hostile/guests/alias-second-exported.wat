;; What it exports as `memory` is its second: pointers mean that one.
(memory $first 1)
(memory $second (export "memory") 2)
(data (i32.const 64) "x-secondfirst")
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  ;; "x-second" and "other"
  (i64.store $second (i32.const 64) (i64.const 0x646e6f6365732d78))
  (i64.store $second (i32.const 72) (i64.const 0x726568746f))
  (drop (call $proxy_add_header_map_value
    (i32.const 0) (i32.const 64) (i32.const 8) (i32.const 72) (i32.const 5)))
  (i32.const 0))
