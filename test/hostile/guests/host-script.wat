;; Does in each callback what the environment variable P says: "dm0=1;ja" is `m0=1` in d (request headers) and `a` in
;; j (done). Callbacks: a context_create of a stream, b vm_start, c configure, d e f request headers, body, trailers,
;; g h i of the response, j done, k log, l delete; A context_create of the root, I _initialize, S the start section.
;; A stream whose path is "/!ops" runs these ops at its request headers, and nothing in other callbacks but a.
;; Every hostcall's status is logged: "d:m0=" and a character, "0" plus the status.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_done" (func $proxy_done (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $local (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $read (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $write (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "proc_raise" (func $raise (param i32) (result i32)))
  (memory (export "memory") 4)
  (table 4 funcref)
  (tag $thrown)
  (type $plain (func))
  (global $next (mut i32) (i32.const 65536))
  (global $result (mut i32) (i32.const 0))
  (global $size (mut i32) (i32.const 0))
  (global $self (mut i32) (i32.const 0))
  (global $root (mut i32) (i32.const 0))
  (global $streams (mut i32) (i32.const 0))
  (global $callback (mut i32) (i32.const 0))

  ;; 0-63: what hostcalls return. 4096: the program. 16384: slots. 20480: a byte per stream with a program of its own.
  (data (i32.const 128) ":pathrequest\00pathevilteapototherx-evilyesd:m0=0")
  (global $PATH i32 (i32.const 128))
  (global $PROPERTY i32 (i32.const 133))
  (global $EVIL i32 (i32.const 145))
  (global $TEAPOT i32 (i32.const 149))
  (global $OTHER i32 (i32.const 155))
  (global $FIELD i32 (i32.const 160))
  (global $YES i32 (i32.const 166))
  (global $LINE i32 (i32.const 169))

  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $n i32) (result i32) (local $at i32)
    (local.set $at (global.get $next))
    (global.set $next (i32.add (local.get $at) (local.get $n)))
    (block $fits
      (br_if $fits (i32.le_u (global.get $next) (i32.shl (memory.size) (i32.const 16))))
      (drop (memory.grow (i32.add (i32.shr_u (local.get $n) (i32.const 16)) (i32.const 1)))))
    (local.get $at))

  ;; Ops. ! dies (see $die); r R continue, c C close the request, the response; a b answer 418, 429; mN remembers the
  ;; stream in slot N; eN goes to that context, E to none that is, Z to 0, B to the root, s back; d is done; hN adds a
  ;; field to map N, gN reads it; wN writes to buffer N, yN reads it; p P get and set a property; =N is what the
  ;; callback returns; >N goes no further until the VM has had more than N streams.

  ;; Ways to die.
  (func $deep (param i32) (result i32)
    (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
  (func $die (param $how i32)
    (if (i32.eq (local.get $how) (i32.const 0x75 (;u;))) (then unreachable))
    (if (i32.eq (local.get $how) (i32.const 0x7a (;z;))) (then (drop (i32.div_u (i32.const 1) (i32.load (i32.const 1024))))))
    (if (i32.eq (local.get $how) (i32.const 0x6f (;o;))) (then (drop (i32.load (i32.const 0xffffffff)))))
    (if (i32.eq (local.get $how) (i32.const 0x69 (;i;))) (then (call_indirect (type $plain) (i32.const 1))))
    (if (i32.eq (local.get $how) (i32.const 0x49 (;I;))) (then (call_indirect (type $plain) (i32.const 99))))
    (if (i32.eq (local.get $how) (i32.const 0x78 (;x;))) (then (call $exit (i32.const 0))))
    (if (i32.eq (local.get $how) (i32.const 0x58 (;X;))) (then (call $exit (i32.const 7))))
    (if (i32.eq (local.get $how) (i32.const 0x6b (;k;))) (then (drop (call $raise (i32.const 9)))))
    (if (i32.eq (local.get $how) (i32.const 0x73 (;s;))) (then (drop (call $deep (i32.const 0)))))
    (if (i32.eq (local.get $how) (i32.const 0x6c (;l;))) (then (loop $on (br $on))))
    (if (i32.eq (local.get $how) (i32.const 0x74 (;t;))) (then (throw $thrown))))

  (func $answer (param $status i32) (param $body i32) (param $size i32) (result i32)
    (call $local (local.get $status) (i32.const 0) (i32.const 0) (local.get $body) (local.get $size)
      (i32.const 0) (i32.const 0) (i32.const -1)))
  (func $field (param $map i32) (result i32)
    (call $add (local.get $map) (global.get $FIELD) (i32.const 6) (global.get $YES) (i32.const 3)))

  ;; One op that is a hostcall: its status, or -1 for what is none.
  (func $op (param $op i32) (param $n i32) (result i32)
    (if (i32.eq (local.get $op) (i32.const 0x72 (;r;))) (then (return (call $continue (i32.const 0)))))
    (if (i32.eq (local.get $op) (i32.const 0x52 (;R;))) (then (return (call $continue (i32.const 1)))))
    (if (i32.eq (local.get $op) (i32.const 0x63 (;c;))) (then (return (call $close (i32.const 0)))))
    (if (i32.eq (local.get $op) (i32.const 0x43 (;C;))) (then (return (call $close (i32.const 1)))))
    (if (i32.eq (local.get $op) (i32.const 0x61 (;a;))) (then
      (return (call $answer (i32.const 418) (global.get $TEAPOT) (i32.const 6)))))
    (if (i32.eq (local.get $op) (i32.const 0x62 (;b;))) (then
      (return (call $answer (i32.const 429) (global.get $OTHER) (i32.const 5)))))
    (if (i32.or (i32.eq (local.get $op) (i32.const 0x65 (;e;))) (i32.eq (local.get $op) (i32.const 0x66 (;f;)))) (then
      (return (call $effective (i32.load (i32.add (i32.const 16384) (i32.shl (local.get $n) (i32.const 2))))))))
    (if (i32.eq (local.get $op) (i32.const 0x45 (;E;))) (then (return (call $effective (i32.const 0x7fffffff)))))
    (if (i32.eq (local.get $op) (i32.const 0x5a (;Z;))) (then (return (call $effective (i32.const 0)))))
    (if (i32.eq (local.get $op) (i32.const 0x42 (;B;))) (then (return (call $effective (global.get $root)))))
    (if (i32.eq (local.get $op) (i32.const 0x73 (;s;))) (then (return (call $effective (global.get $self)))))
    (if (i32.eq (local.get $op) (i32.const 0x64 (;d;))) (then (return (call $proxy_done))))
    (if (i32.eq (local.get $op) (i32.const 0x68 (;h;))) (then (return (call $field (local.get $n)))))
    (if (i32.eq (local.get $op) (i32.const 0x67 (;g;))) (then
      (return (call $pairs (local.get $n) (i32.const 0) (i32.const 4)))))
    (if (i32.eq (local.get $op) (i32.const 0x77 (;w;))) (then
      (return (call $write (local.get $n) (i32.const 0) (i32.const 0) (global.get $EVIL) (i32.const 4)))))
    (if (i32.eq (local.get $op) (i32.const 0x79 (;y;))) (then
      (return (call $read (local.get $n) (i32.const 0) (i32.const 65536) (i32.const 0) (i32.const 4)))))
    (if (i32.eq (local.get $op) (i32.const 0x70 (;p;))) (then
      (return (call $property (global.get $PROPERTY) (i32.const 12) (i32.const 0) (i32.const 4)))))
    (if (i32.eq (local.get $op) (i32.const 0x50 (;P;))) (then
      (return (call $set_property (global.get $EVIL) (i32.const 4) (global.get $YES) (i32.const 3)))))
    (i32.const -1))

  ;; Ops that are followed by a digit or another letter: ! = m e f h g w y >
  (func $takes (param $op i32) (result i32)
    (local $i i32)
    (loop $look
      (if (i32.eq (i32.load8_u (i32.add (i32.const 256) (local.get $i))) (local.get $op)) (then (return (i32.const 1))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $look (i32.lt_u (local.get $i) (i32.const 10))))
    (i32.const 0))
  (data (i32.const 256) "!=mefhgwy>")

  (func $run (param $at i32) (param $end i32)
    (local $c i32) (local $arg i32) (local $n i32) (local $status i32)
    (block $stop (loop $again
      (br_if $stop (i32.ge_u (local.get $at) (local.get $end)))
      (local.set $c (i32.load8_u (local.get $at)))
      (br_if $stop (i32.eq (local.get $c) (i32.const 0x3b (;semicolon;))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $arg (i32.const 0x20))
      (if (call $takes (local.get $c)) (then
        (local.set $arg (i32.load8_u (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))))
      (local.set $n (i32.sub (local.get $arg) (i32.const 48)))
      (if (i32.eq (local.get $c) (i32.const 0x21 (;!;))) (then (call $die (local.get $arg)) (br $again)))
      (if (i32.eq (local.get $c) (i32.const 0x3d (;=;))) (then (global.set $result (local.get $n)) (br $again)))
      (if (i32.eq (local.get $c) (i32.const 0x3e (;>;))) (then
        (br_if $stop (i32.le_u (global.get $streams) (local.get $n)))
        (br $again)))
      (if (i32.eq (local.get $c) (i32.const 0x6d (;m;))) (then
        (i32.store (i32.add (i32.const 16384) (i32.shl (local.get $n) (i32.const 2))) (global.get $self))
        (br $again)))
      (local.set $status (call $op (local.get $c) (local.get $n)))
      ;; f: as e, and no further when that context is gone.
      (br_if $stop (i32.and (i32.eq (local.get $c) (i32.const 0x66)) (i32.ne (local.get $status) (i32.const 0))))
      (i32.store8 (global.get $LINE) (global.get $callback))
      (i32.store8 offset=2 (global.get $LINE) (local.get $c))
      (i32.store8 offset=3 (global.get $LINE) (local.get $arg))
      (i32.store8 offset=5 (global.get $LINE) (i32.add (local.get $status) (i32.const 48)))
      (drop (call $log (i32.const 2) (global.get $LINE) (i32.const 6)))
      (br $again))))

  ;; Runs the segment of a callback, when there is one.
  (func $segment (param $letter i32)
    (local $at i32) (local $end i32)
    (local.set $at (i32.const 4098))
    (local.set $end (i32.add (i32.const 4096) (global.get $size)))
    (block $none (loop $look
      (br_if $none (i32.ge_u (local.get $at) (local.get $end)))
      (if (i32.eq (i32.load8_u (local.get $at)) (local.get $letter)) (then
        (call $run (i32.add (local.get $at) (i32.const 1)) (local.get $end))
        (return)))
      (loop $skip
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $none (i32.ge_u (local.get $at) (local.get $end)))
        (br_if $skip (i32.ne (i32.load8_u (local.get $at)) (i32.const 0x3b (;semicolon;)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $look))))

  (func $begin (param $letter i32) (param $id i32) (param $result i32)
    (global.set $next (i32.const 65536))
    (global.set $callback (local.get $letter))
    (global.set $self (local.get $id))
    (global.set $result (local.get $result)))
  (func $mark (param $id i32) (result i32)
    (i32.add (i32.const 20480) (i32.and (local.get $id) (i32.const 0xfff))))
  (func $callback (param $letter i32) (param $id i32) (param $result i32) (result i32)
    (call $begin (local.get $letter) (local.get $id) (local.get $result))
    (if (i32.eqz (i32.load8_u (call $mark (local.get $id)))) (then (call $segment (local.get $letter))))
    (global.get $result))

  (func $load
    (if (i32.eqz (call $environ_sizes (i32.const 0) (i32.const 4))) (then
      (if (i32.eq (i32.load (i32.const 0)) (i32.const 1)) (then
        (drop (call $environ (i32.const 0) (i32.const 4096)))
        ;; Its NUL is not part of it.
        (global.set $size (i32.sub (i32.load (i32.const 4)) (i32.const 1))))))))
  (func $start
    (call $load)
    (drop (call $callback (i32.const 0x53) (i32.const 0) (i32.const 0))))
  (start $start)
  (func (export "_initialize")
    (drop (call $callback (i32.const 0x49) (i32.const 0) (i32.const 0))))

  (func (export "proxy_on_context_create") (param $id i32) (param $parent i32)
    (i32.store8 (call $mark (local.get $id)) (i32.const 0))
    (if (local.get $parent)
      (then
        (global.set $streams (i32.add (global.get $streams) (i32.const 1)))
        (drop (call $callback (i32.const 0x61) (local.get $id) (i32.const 0))))
      (else
        (global.set $root (local.get $id))
        (drop (call $callback (i32.const 0x41) (local.get $id) (i32.const 0))))))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
    (call $callback (i32.const 0x62) (local.get 0) (i32.const 1)))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (call $callback (i32.const 0x63) (local.get 0) (i32.const 1)))
  (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
    (local $path i32)
    (call $begin (i32.const 0x64) (local.get $id) (i32.const 0))
    (drop (call $get (i32.const 0) (global.get $PATH) (i32.const 5) (i32.const 0) (i32.const 4)))
    (local.set $path (i32.load (i32.const 0)))
    (if (i32.and
        (i32.gt_u (i32.load (i32.const 4)) (i32.const 1))
        (i32.eq (i32.load8_u offset=1 (local.get $path)) (i32.const 0x21 (;!;)))) (then
      (i32.store8 (call $mark (local.get $id)) (i32.const 1))
      (call $run
        (i32.add (local.get $path) (i32.const 2))
        (i32.add (local.get $path) (i32.load (i32.const 4))))
      (return (global.get $result))))
    (call $callback (i32.const 0x64) (local.get $id) (i32.const 0)))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (call $callback (i32.const 0x65) (local.get 0) (i32.const 0)))
  (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
    (call $callback (i32.const 0x66) (local.get 0) (i32.const 0)))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (call $callback (i32.const 0x67) (local.get 0) (i32.const 0)))
  (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
    (call $callback (i32.const 0x68) (local.get 0) (i32.const 0)))
  (func (export "proxy_on_response_trailers") (param i32 i32) (result i32)
    (call $callback (i32.const 0x69) (local.get 0) (i32.const 0)))
  (func (export "proxy_on_done") (param i32) (result i32)
    (call $callback (i32.const 0x6a) (local.get 0) (i32.const 1)))
  (func (export "proxy_on_log") (param i32)
    (drop (call $callback (i32.const 0x6b) (local.get 0) (i32.const 0))))
  (func (export "proxy_on_delete") (param i32)
    (drop (call $callback (i32.const 0x6c) (local.get 0) (i32.const 0))))
)
