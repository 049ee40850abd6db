;; Grows its memory by nothing, for ever: each time the host gets a new buffer.
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) 
  (loop $again
    (drop (memory.grow (i32.const 0)))
    (br $again))
  (i32.const 0))
