;; No loop, and a stack of 60 frames: but each calls two.
(func $branch (param $depth i32) (result i32)
  (if (result i32) (local.get $depth)
    (then (i32.add
      (call $branch (i32.sub (local.get $depth) (i32.const 1)))
      (call $branch (i32.sub (local.get $depth) (i32.const 1)))))
    (else (i32.const 1))))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (drop (call $branch (i32.const 60))) (i32.const 0))
