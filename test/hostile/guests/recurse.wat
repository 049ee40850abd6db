;; Calls itself until the stack ends.
(func $deeper (param $n i32) (result i32)
  (i32.add (call $deeper (i32.add (local.get $n) (i32.const 1))) (local.get $n)))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (drop (call $deeper (i32.const 0))) (i32.const 0))
