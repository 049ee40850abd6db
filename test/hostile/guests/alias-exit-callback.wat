;; The callback of request headers is the host's own proc_exit.
(export "proxy_on_request_headers" (func $proc_exit))
