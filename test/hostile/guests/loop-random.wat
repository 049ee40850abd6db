;; Asks for 64 KiB of random bytes, for ever.
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) 
  (loop $again
    (drop (call $random_get (i32.const 0) (i32.const 65536)))
    (br $again))
  (i32.const 0))
