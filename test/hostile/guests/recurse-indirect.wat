;; Calls itself through a table until the stack ends.
(type $step (func (param i32) (result i32)))
(table 1 1 funcref)
(elem (i32.const 0) $deeper)
(func $deeper (type $step)
  (i32.add (call_indirect (type $step) (i32.add (local.get 0) (i32.const 1)) (i32.const 0)) (local.get 0)))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (drop (call $deeper (i32.const 0))) (i32.const 0))
