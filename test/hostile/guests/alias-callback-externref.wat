;; The callback of request headers has a signature of its own.
(func $evil (export "proxy_on_request_headers") (param externref externref) (result externref) (local.get 0))
