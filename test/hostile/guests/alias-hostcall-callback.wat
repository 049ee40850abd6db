;; Callbacks are hostcalls: what the host calls is the host.
(export "proxy_on_request_headers" (func $proxy_get_header_map_pairs))
(export "proxy_on_log" (func $proxy_set_effective_context))
(export "proxy_on_done" (func $proxy_done))
