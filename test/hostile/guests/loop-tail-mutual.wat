;; Three functions that call each other at the tail, for ever.
(func $ping (param i32) (result i32) (return_call $pong (local.get 0)))
(func $pong (param i32) (result i32) (return_call $pang (local.get 0)))
(func $pang (param i32) (result i32) (return_call $ping (local.get 0)))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (return_call $ping (i32.const 0)))
