;; Catches what hostcalls throw and goes on, as the environment variable K says.
(memory (export "memory") 4)
(tag $thrown)
(global $kind (mut i32) (i32.const 0))
(global $throws (mut i32) (i32.const 0))
(global $left (mut i32) (i32.const 0))
(data (i32.const 128) "x-afteryesstill hererequest\00path:path")

(func $is (param i32) (result i32) (i32.eq (global.get $kind) (local.get 0)))
(func $allocate (export "proxy_on_memory_allocate") (param i32) (result i32)
  (if (global.get $throws) (then (throw $thrown)))
  ;; r: without end, through the host.
  (if (call $is (i32.const 0x72)) (then (drop (call $value))))
  (i32.const 65536))
;; In every callback of a stream there is something to allocate memory for.
(func $value (result i32)
  (call $proxy_get_property (i32.const 148) (i32.const 12) (i32.const 256) (i32.const 260)))
;; What must have no effect after the first exception.
(func $go_on
  (drop (call $proxy_log (i32.const 2) (i32.const 138) (i32.const 10)))
  (drop (call $proxy_add_header_map_value (i32.const 0) (i32.const 128) (i32.const 7) (i32.const 135) (i32.const 3)))
  (drop (call $proxy_send_local_response (i32.const 418) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const -1))))
(func $try_go_on
  (try (do (call $go_on)) (catch_all)))
(func $exit_caught
  (try (do (call $proc_exit (i32.const 0))) (catch_all)))
(func $deep (param $n i32) (result i32)
  (try (do (drop (call $deep (i32.add (local.get $n) (i32.const 1))))) (catch_all))
  (local.get $n))
;; Down until the stack is full, and a hostcall at every depth on the way back, each caught.
(func $deep_calls (param $n i32) (result i32)
  (try (do (drop (call $deep_calls (i32.add (local.get $n) (i32.const 1))))) (catch_all))
  (global.set $left (i32.sub (global.get $left) (i32.const 1)))
  (if (i32.gt_s (global.get $left) (i32.const 0)) (then
    (try (do
      (drop (call $proxy_add_header_map_value (i32.const 0) (i32.const 128) (i32.const 7) (i32.const 135) (i32.const 3)))
      (drop (call $proxy_continue_stream (i32.const 0))))
    (catch_all))))
  (local.get $n))

;; Down as many frames as the path says, and a hostcall there: the stack may be full in the host's own frames.
(func $down (param $n i32) (param $op i32)
  (if (local.get $n)
    (then (call $down (i32.sub (local.get $n) (i32.const 1)) (local.get $op)) (drop (i32.load (i32.const 0))))
    (else (try (do (call $bottom (local.get $op))) (catch_all)))))
(func $bottom (param $op i32)
  (if (i32.eqz (local.get $op)) (then (drop (call $proxy_continue_stream (i32.const 0)))))
  (if (i32.eq (local.get $op) (i32.const 1)) (then
    (drop (call $proxy_send_local_response (i32.const 418) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const -1)))))
  (if (i32.eq (local.get $op) (i32.const 2)) (then
    (drop (call $proxy_add_header_map_value (i32.const 0) (i32.const 128) (i32.const 7) (i32.const 135) (i32.const 3)))))
  (if (i32.eq (local.get $op) (i32.const 3)) (then (drop (call $value))))
  (if (i32.eq (local.get $op) (i32.const 4)) (then (drop (call $proxy_log (i32.const 2) (i32.const 138) (i32.const 10)))))
  (if (i32.eq (local.get $op) (i32.const 5)) (then
    (drop (call $proxy_set_property (i32.const 128) (i32.const 7) (i32.const 135) (i32.const 3))))))
;; Path "/OPNNNNN": the op's digit, the depth in five. Then, with room again: it stops if it is told that it goes on.
(func $dive (result i32) (local $at i32) (local $n i32) (local $i i32)
  (drop (call $proxy_get_header_map_value (i32.const 0) (i32.const 160) (i32.const 5) (i32.const 256) (i32.const 260)))
  (local.set $at (i32.load (i32.const 256)))
  (local.set $i (i32.const 2))
  (loop $digit
    (local.set $n (i32.add (i32.mul (local.get $n) (i32.const 10))
      (i32.sub (i32.load8_u (i32.add (local.get $at) (local.get $i))) (i32.const 48))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $digit (i32.lt_u (local.get $i) (i32.const 7))))
  (call $down (local.get $n) (i32.sub (i32.load8_u offset=1 (local.get $at)) (i32.const 48)))
  (try (result i32) (do (i32.eqz (call $proxy_continue_stream (i32.const 0)))) (catch_all (i32.const 0))))

(func $act
  ;; u: nobody catches; c: it catches its own.
  (if (call $is (i32.const 0x75)) (then (throw $thrown)))
  (if (call $is (i32.const 0x63)) (then (try (do (throw $thrown)) (catch $thrown))))
  ;; a: its allocator throws through a hostcall, it catches outside, and goes on; A: and doesn't.
  (if (call $is (i32.const 0x61)) (then
    (global.set $throws (i32.const 1))
    (try (do (drop (call $value))) (catch $thrown))
    (call $go_on)))
  (if (call $is (i32.const 0x41)) (then
    (global.set $throws (i32.const 1))
    (try (do (drop (call $value))) (catch_all))))
  ;; x: after proc_exit it goes on; y: and catches whatever comes then; k: proc_raise; w: it throws it on.
  (if (call $is (i32.const 0x78)) (then (call $exit_caught) (call $go_on)))
  (if (call $is (i32.const 0x79)) (then (call $exit_caught) (call $try_go_on)))
  (if (call $is (i32.const 0x6b)) (then
    (try (do (drop (call $proc_raise (i32.const 9)))) (catch_all))
    (call $try_go_on)))
  (if (call $is (i32.const 0x77)) (then (try (do (call $proc_exit (i32.const 3))) (catch_all (rethrow 0)))))
  ;; l: after proc_exit it never comes back; L: nor without hostcalls.
  (if (call $is (i32.const 0x6c)) (then (call $exit_caught) (loop $on (call $try_go_on) (br $on))))
  (if (call $is (i32.const 0x4c)) (then (try (do (loop $on (br $on))) (catch_all)) (call $go_on)))
  ;; t: a trap can't be caught.
  (if (call $is (i32.const 0x74)) (then (try (do unreachable) (catch_all)) (call $go_on)))
  ;; d: the stack is full, again and again; D: with a hostcall at every depth; r: through the host.
  (if (call $is (i32.const 0x64)) (then (drop (call $deep (i32.const 0))) (call $try_go_on)))
  (if (call $is (i32.const 0x44)) (then
    (global.set $left (i32.const 400))
    (drop (call $deep_calls (i32.const 0)))))
  (if (call $is (i32.const 0x72)) (then (try (do (drop (call $value))) (catch_all)) (call $try_go_on))))

(func (export "_initialize")
  (drop (call $environ_get (i32.const 512) (i32.const 1024)))
  (global.set $kind (i32.load8_u (i32.const 1026)))
  ;; i: a hostcall that is not allowed here; I: proc_exit.
  (if (call $is (i32.const 0x69)) (then (try (do (drop (call $value))) (catch_all)) (call $try_go_on)))
  (if (call $is (i32.const 0x49)) (then (call $exit_caught))))
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  ;; The letter after it says in which callback it acts; none: here.
  (if (i32.eqz (i32.load8_u (i32.const 1027))) (then (call $act)))
  ;; Q: see $dive.
  (if (call $is (i32.const 0x51)) (then (return (call $dive))))
  (i32.const 0))
(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
  (if (i32.eq (i32.load8_u (i32.const 1027)) (i32.const 0x67)) (then (call $act)))
  (i32.const 0))
(func (export "proxy_on_done") (param i32) (result i32)
  (if (i32.eq (i32.load8_u (i32.const 1027)) (i32.const 0x6a)) (then (call $act)))
  (i32.const 1))
(func (export "proxy_on_log") (param i32)
  (if (i32.eq (i32.load8_u (i32.const 1027)) (i32.const 0x6b)) (then (call $act))))
(func (export "proxy_on_delete") (param i32)
  (if (i32.eq (i32.load8_u (i32.const 1027)) (i32.const 0x6c)) (then (call $act))))
