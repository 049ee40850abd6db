;; Too much of what leads beyond streams, from ticks and requests, as the first letter of the plugin's configuration says:
;; c: as many calls as may be to an upstream that never answers; q: values into a queue, and one more for each that it
;; hears of; m: metrics; t: a trap in each tick; h: an endless loop in proxy_on_http_call_response; b: ticks that take
;; nearly as long as a callback may.
(memory (export "memory") 4)
(global $kind (mut i32) (i32.const 0))
(global $next (mut i32) (i32.const 0))
;; 64: results. 256: a map. 512: names. 65536 and up: a body.
(data (i32.const 256) "\03\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\02\00\00\00\0a\00\00\00\01\00\00\00")
(data (i32.const 284) ":method\00GET\00:path\00/x\00:authority\00a\00")
(data (i32.const 512) "app2")
(data (i32.const 528) "q")
(data (i32.const 544) "metric-0000000")

(func $is (param i32) (result i32) (i32.eq (global.get $kind) (local.get 0)))

(func $call (param $upstream i32) (result i32)
  (call $proxy_http_call (i32.const 512) (local.get $upstream) (i32.const 256) (i32.const 62)
    (i32.const 65536) (i32.const 4096) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64)))

(func $define (local $at i32) (local $n i32)
  (global.set $next (i32.add (global.get $next) (i32.const 1)))
  (local.set $n (global.get $next))
  (local.set $at (i32.const 557))
  (loop $digit
    (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
    (local.set $n (i32.div_u (local.get $n) (i32.const 10)))
    (local.set $at (i32.sub (local.get $at) (i32.const 1)))
    (br_if $digit (i32.ge_u (local.get $at) (i32.const 551))))
  (if (i32.eqz (call $proxy_define_metric (i32.const 2) (i32.const 544) (i32.const 14) (i32.const 64)))
    (then (drop (call $proxy_record_metric (i32.load (i32.const 64)) (i64.const 7))))))

(func $flood (local $i i32)
  (if (call $is (i32.const 99)) (then
    (loop $on (br_if $on (i32.eqz (call $call (i32.const 4)))))))
  (if (call $is (i32.const 113)) (then
    (loop $on (br_if $on (i32.eqz
      (call $proxy_enqueue_shared_queue (i32.load (i32.const 128)) (i32.const 65536) (i32.const 1024)))))))
  (if (call $is (i32.const 109)) (then
    (loop $on
      (call $define)
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $on (i32.lt_u (local.get $i) (i32.const 500))))))
  (if (call $is (i32.const 104)) (then (drop (call $call (i32.const 3)))))
  (if (call $is (i32.const 98)) (then
    (loop $on
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $on (i32.lt_u (local.get $i) (i32.const 4000000)))))))

(func (export "proxy_on_context_create") (param i32 i32))
(func (export "proxy_on_configure") (param i32 i32) (result i32)
  (drop (call $proxy_get_buffer_bytes (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 64) (i32.const 68)))
  (global.set $kind (i32.load8_u (i32.load (i32.const 64))))
  (if (call $is (i32.const 113)) (then
    (drop (call $proxy_register_shared_queue (i32.const 528) (i32.const 1) (i32.const 128)))))
  (drop (call $proxy_set_tick_period_milliseconds (i32.const 1)))
  (i32.const 1))
(func (export "proxy_on_tick") (param i32)
  (if (call $is (i32.const 116)) (then (unreachable)))
  (call $flood))
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (call $flood)
  (i32.const 0))
(func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
  (if (call $is (i32.const 104)) (then (loop $spin (br $spin)))))
(func (export "proxy_on_queue_ready") (param i32 i32)
  (drop (call $proxy_dequeue_shared_queue (local.get 1) (i32.const 64) (i32.const 68)))
  (drop (call $proxy_enqueue_shared_queue (local.get 1) (i32.const 65536) (i32.const 1024))))
(func (export "proxy_on_done") (param i32) (result i32) (i32.const 1))
