;; Exports a global as a callback.
(global (export "proxy_on_request_headers") i32 (i32.const 0))
