;; The callback of request headers has a signature of its own.
(func $evil (export "proxy_on_request_headers") (param v128) (result i32) (i32.const 0))
