;; A loop made of br_table alone: no br, no br_if.
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (local $n i32)
  (block $two (block $one (loop $zero
    (local.set $n (i32.and (i32.add (local.get $n) (i32.const 1)) (i32.const 1)))
    (br_table $zero $zero $one (local.get $n)))))
  (i32.const 0))
