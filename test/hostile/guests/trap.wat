;; Traps in the callback of the request's headers.
(func $fall (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (unreachable))
