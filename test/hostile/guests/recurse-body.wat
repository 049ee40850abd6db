;; Changes the body on every level, until the stack ends: most likely inside the host.
(data (i32.const 64) "evil")
(func $deeper
  (drop (call $proxy_set_buffer_bytes (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 4)))
  (call $deeper))
(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (call $deeper) (i32.const 0))
