;; Waits for a notification that nobody sends, for ever.
(memory (export "memory") 2 2 shared)
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) 
  (loop $again
    (drop (memory.atomic.wait32 (i32.const 64) (i32.const 0) (i64.const -1)))
    (br $again))
  (i32.const 0))
