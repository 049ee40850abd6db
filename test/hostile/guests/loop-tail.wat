;; Calls itself at the tail, for ever: no loop, no stack.
(func $again (param $n i32) (result i32) (return_call $again (i32.add (local.get $n) (i32.const 1))))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (return_call $again (i32.const 0)))
