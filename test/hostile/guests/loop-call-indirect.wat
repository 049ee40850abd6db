;; A loop around a call through a table, of a function that does nothing.
(type $step (func))
(table 2 2 funcref)
(elem (i32.const 0) $nothing $less)
(func $nothing)
(func $less)
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (local $n i32)
  (loop $again
    (call_indirect (type $step) (i32.and (local.get $n) (i32.const 1)))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br $again))
  (i32.const 0))
