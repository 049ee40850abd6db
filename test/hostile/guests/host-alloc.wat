;; An allocator that misbehaves, as the environment variable K says, while hostcalls return values. From the first
;; request headers on; a capital A before the letter: from the start on. Each hostcall is logged: its letter, its
;; status as a character, and a "+" when what it returned lies inside the memory, else "-".
(memory (export "memory") 4)
(type $plain (func))
(tag $thrown)
(global $kind (mut i32) (i32.const 0))
(global $armed (mut i32) (i32.const 0))
(global $depth (mut i32) (i32.const 0))
(global $root (mut i32) (i32.const 0))
(global $next (mut i32) (i32.const 65536))
(data (i32.const 128) ":pathrequest\00pathteapot")
;; 256 and 260: what hostcalls return. 1024: the environment. 512: a line for the log.

(func $is (param i32) (result i32) (i32.eq (global.get $kind) (local.get 0)))
(func $size (result i32) (i32.shl (memory.size) (i32.const 16)))
(func $bump (param $n i32) (result i32)
  (global.get $next)
  (global.set $next (i32.add (global.get $next) (local.get $n)))
  (if (i32.gt_u (global.get $next) (i32.const 196608)) (then (global.set $next (i32.const 65536)))))
(func $answer (result i32)
  (call $proxy_send_local_response (i32.const 418) (i32.const 0) (i32.const 0) (i32.const 145) (i32.const 6)
    (i32.const 0) (i32.const 0) (i32.const -1)))

(func $evil (param $n i32) (result i32)
  ;; 0: nothing; m: not aligned; o: far outside; e: the last byte is outside; f: ends with the memory.
  (if (call $is (i32.const 0x30)) (then (return (i32.const 0))))
  (if (call $is (i32.const 0x6d)) (then (return (i32.or (call $bump (i32.add (local.get $n) (i32.const 1))) (i32.const 1)))))
  (if (call $is (i32.const 0x6f)) (then (return (i32.const 0xfffffff0))))
  (if (call $is (i32.const 0x65)) (then (return (i32.add (i32.sub (call $size) (local.get $n)) (i32.const 1)))))
  (if (call $is (i32.const 0x66)) (then (return (i32.sub (call $size) (local.get $n)))))
  ;; s: the same for ever; r: where the hostcall returns its results; k: on the key it reads; q: between the two.
  (if (call $is (i32.const 0x73)) (then (return (i32.const 70000))))
  (if (call $is (i32.const 0x72)) (then (return (i32.const 256))))
  (if (call $is (i32.const 0x6b)) (then (return (i32.const 128))))
  (if (call $is (i32.const 0x71)) (then (return (i32.const 258))))
  ;; g: grows the memory; G: asks for all there is.
  (if (call $is (i32.const 0x67)) (then (drop (memory.grow (i32.const 1))) (return (call $bump (local.get $n)))))
  (if (call $is (i32.const 0x47)) (then
    (loop $on (br_if $on (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (return (call $bump (local.get $n)))))
  ;; p: reads the map it is called for; P: again and again.
  (if (call $is (i32.const 0x70)) (then
    (if (i32.eqz (global.get $depth)) (then
      (global.set $depth (i32.const 1))
      (drop (call $proxy_get_header_map_pairs (i32.const 0) (i32.const 256) (i32.const 260)))
      (global.set $depth (i32.const 0))))))
  (if (call $is (i32.const 0x50)) (then
    (drop (call $proxy_get_header_map_pairs (i32.const 0) (i32.const 256) (i32.const 260)))))
  ;; h: empties the map; w: empties the body; W: makes it longer.
  (if (call $is (i32.const 0x68)) (then
    (drop (call $proxy_set_header_map_pairs (i32.const 0) (i32.const 0) (i32.const 0)))))
  (if (call $is (i32.const 0x77)) (then
    (drop (call $proxy_set_buffer_bytes (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 0)))))
  (if (call $is (i32.const 0x57)) (then
    (drop (call $proxy_set_buffer_bytes (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 145) (i32.const 6)))))
  ;; l: answers; c: closes; x: goes to the root; d: done.
  (if (call $is (i32.const 0x6c)) (then (drop (call $answer))))
  (if (call $is (i32.const 0x63)) (then (drop (call $proxy_close_stream (i32.const 0)))))
  (if (call $is (i32.const 0x78)) (then (drop (call $proxy_set_effective_context (global.get $root)))))
  (if (call $is (i32.const 0x64)) (then (drop (call $proxy_done))))
  ;; t: trap; X: exit; L: for ever; T: throw; S: deep.
  (if (call $is (i32.const 0x74)) (then unreachable))
  (if (call $is (i32.const 0x58)) (then (call $proc_exit (i32.const 0))))
  (if (call $is (i32.const 0x4c)) (then (loop $on (br $on))))
  (if (call $is (i32.const 0x54)) (then (throw $thrown)))
  (if (call $is (i32.const 0x53)) (then (drop (call $evil (local.get $n)))))
  (call $bump (local.get $n)))
(func $allocate (export "proxy_on_memory_allocate") (param $n i32) (result i32)
  (if (result i32) (global.get $armed) (then (call $evil (local.get $n))) (else (call $bump (local.get $n)))))

(func $note (param $what i32) (param $status i32)
  (local $end i64)
  (local.set $end (i64.add (i64.load32_u (i32.const 256)) (i64.load32_u (i32.const 260))))
  (i32.store8 (i32.const 512) (local.get $what))
  (i32.store8 (i32.const 513) (i32.add (local.get $status) (i32.const 48)))
  (i32.store8 (i32.const 514)
    (select (i32.const 0x2b) (i32.const 0x2d) (i64.le_u (local.get $end) (i64.extend_i32_u (call $size)))))
  (drop (call $proxy_log (i32.const 2) (i32.const 512) (i32.const 3))))
(func $headers
  (i64.store (i32.const 256) (i64.const 0))
  (call $note (i32.const 0x67) (call $proxy_get_header_map_pairs (i32.const 0) (i32.const 256) (i32.const 260)))
  (call $note (i32.const 0x76)
    (call $proxy_get_header_map_value (i32.const 0) (i32.const 128) (i32.const 5) (i32.const 256) (i32.const 260)))
  (call $note (i32.const 0x70)
    (call $proxy_get_property (i32.const 133) (i32.const 12) (i32.const 256) (i32.const 260))))

(func (export "_initialize")
  (drop (call $environ_get (i32.const 512) (i32.const 1024)))
  (global.set $kind (i32.load8_u (i32.const 1026)))
  (if (call $is (i32.const 0x41)) (then
    (global.set $kind (i32.load8_u (i32.const 1027)))
    (global.set $armed (i32.const 1)))))
(func (export "proxy_on_context_create") (param i32 i32)
  (if (i32.eqz (local.get 1)) (then (global.set $root (local.get 0)))))
(func (export "proxy_on_configure") (param i32 i32) (result i32)
  (call $note (i32.const 0x62)
    (call $proxy_get_buffer_bytes (i32.const 7) (i32.const 0) (i32.const -1) (i32.const 256) (i32.const 260)))
  (i32.const 1))
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (global.set $armed (i32.const 1))
  (call $headers)
  (i32.const 0))
(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
  (call $note (i32.const 0x62)
    (call $proxy_get_buffer_bytes (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 256) (i32.const 260)))
  (i32.const 0))
(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
  (call $note (i32.const 0x67) (call $proxy_get_header_map_pairs (i32.const 2) (i32.const 256) (i32.const 260)))
  (i32.const 0))
(func (export "proxy_on_log") (param i32)
  (call $note (i32.const 0x67) (call $proxy_get_header_map_pairs (i32.const 0) (i32.const 256) (i32.const 260))))
