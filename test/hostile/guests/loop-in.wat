;; Loops for ever in one place, which a letter in the environment (WHERE=q) names. Places of the root context are in
;; upper case, but for those at start.
(func $here (param $place i32)
  (drop (call $environ_get (i32.const 1024) (i32.const 1040)))
  (if (i32.eq (i32.load8_u (i32.const 1046)) (local.get $place)) (then (call $spin))))
(func $spin (loop $again (br $again)))
;; The root context has the id 1: 32 less than the place of a stream.
(func $either (param $context i32) (param $place i32)
  (call $here (i32.sub (local.get $place) (i32.shl (i32.eq (local.get $context) (i32.const 1)) (i32.const 5)))))

(func $boot (call $here (i32.const 115))) ;; s
(start $boot)
(func (export "_initialize") (call $here (i32.const 105))) ;; i
(func (export "main") (param i32 i32) (result i32) (call $here (i32.const 109)) (i32.const 0)) ;; m
(func (export "proxy_on_memory_allocate") (param i32) (result i32)
  (call $here (i32.const 97)) ;; a
  (i32.const 8192))
(func (export "proxy_on_context_create") (param $context i32) (param i32)
  (call $either (local.get $context) (i32.const 99))) ;; c, C
(func (export "proxy_on_vm_start") (param i32 i32) (result i32) (call $here (i32.const 118)) (i32.const 1)) ;; v
(func (export "proxy_on_configure") (param i32 i32) (result i32) (call $here (i32.const 102)) (i32.const 1)) ;; f
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (call $here (i32.const 113)) ;; q
  (drop (call $proxy_get_header_map_pairs (i32.const 0) (i32.const 1024) (i32.const 1028)))
  (i32.const 0))
(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (call $here (i32.const 98)) (i32.const 0)) ;; b
(func (export "proxy_on_request_trailers") (param i32 i32) (result i32) (call $here (i32.const 116)) (i32.const 0)) ;; t
(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (call $here (i32.const 114)) (i32.const 0)) ;; r
(func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (call $here (i32.const 111)) (i32.const 0)) ;; o
(func (export "proxy_on_response_trailers") (param i32 i32) (result i32) (call $here (i32.const 101)) (i32.const 0)) ;; e
(func (export "proxy_on_done") (param $context i32) (result i32)
  (call $either (local.get $context) (i32.const 100)) ;; d, D
  (i32.const 1))
(func (export "proxy_on_log") (param $context i32) (call $either (local.get $context) (i32.const 108))) ;; l, L
(func (export "proxy_on_delete") (param $context i32) (call $either (local.get $context) (i32.const 120))) ;; x, X
