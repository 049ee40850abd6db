;; The callback of request headers has a signature of its own.
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result f32) (f32.const nan))
