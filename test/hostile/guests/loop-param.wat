;; A loop with parameters and a result: block types that are types of functions.
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (i32.const 1)
  (loop $again (param i32) (result i32)
    (drop) (i32.const 1) (i32.const 1) (br_if $again) (drop) (i32.const 0)))
