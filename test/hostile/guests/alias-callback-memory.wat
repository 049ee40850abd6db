;; Exports a memory as a callback.
(memory (export "memory") (export "proxy_on_request_headers") 2)
