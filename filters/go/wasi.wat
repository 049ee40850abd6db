;; WASI preview 1 for a Go filter that is to need nothing of WASI: what the runtime calls at its start and while it runs.
;; The build puts this in place of the usual adapter, which keeps its state in memory that it takes with memory.grow: Go
;; believes that nobody else grows its memory, and its heap would come to lie over that state. This one has no memory.
(module
  (import "env" "memory" (memory 0))
  (import "weir:filter/logging@0.1.0" "log" (func $log (param $level i32) (param $text i32) (param $size i32)))

  (global $time (mut i64) (i64.const 1000000000))
  (global $random (mut i32) (i32.const 0x2545f491))

  ;; Standard output goes to the log at info, standard error (a panic's last words) at critical.
  (func (export "fd_write") (param $fd i32) (param $iovs i32) (param $count i32) (param $written i32) (result i32)
    (local $total i32) (local $size i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $size (i32.load offset=4 (local.get $iovs)))
        (local.set $total (i32.add (local.get $total) (local.get $size)))
        ;; Not the spaces and line ends that the runtime writes by themselves.
        (if (i32.or
              (i32.gt_u (local.get $size) (i32.const 1))
              (i32.and
                (local.get $size)
                (i32.gt_u (i32.load8_u (i32.load (local.get $iovs))) (i32.const 0x20))))
          (then
            (call $log
              (select (i32.const 5) (i32.const 2) (i32.eq (local.get $fd) (i32.const 2)))
              (i32.load (local.get $iovs))
              (local.get $size))))
        (local.set $iovs (i32.add (local.get $iovs) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $written) (local.get $total))
    (i32.const 0))

  ;; No clock: it is a millisecond later at every look.
  (func (export "clock_time_get") (param $id i32) (param $precision i64) (param $time i32) (result i32)
    (global.set $time (i64.add (global.get $time) (i64.const 1000000)))
    (i64.store (local.get $time) (global.get $time))
    (i32.const 0))

  ;; Always the same numbers (xorshift32): for where maps begin, nothing else.
  (func (export "random_get") (param $at i32) (param $size i32) (result i32)
    (local $x i32)
    (local.set $x (global.get $random))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $size)))
        (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 13))))
        (local.set $x (i32.xor (local.get $x) (i32.shr_u (local.get $x) (i32.const 17))))
        (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 5))))
        (i32.store8 (local.get $at) (local.get $x))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $size (i32.sub (local.get $size) (i32.const 1)))
        (br $next)))
    (global.set $random (local.get $x))
    (i32.const 0))

  ;; No arguments, no environment.
  (func $none (param $count i32) (param $size i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $size) (i32.const 0))
    (i32.const 0))
  (export "args_sizes_get" (func $none))
  (export "environ_sizes_get" (func $none))
  (func $nothing (param i32 i32) (result i32) (i32.const 0))
  (export "args_get" (func $nothing))
  (export "environ_get" (func $nothing))

  ;; Nothing to wait for: it has happened.
  (func (export "poll_oneoff") (param $in i32) (param $out i32) (param $count i32) (param $events i32) (result i32)
    (i32.store (local.get $events) (i32.const 0))
    (i32.const 0))
  (func (export "sched_yield") (result i32) (i32.const 0))
  (func (export "proc_exit") (param $code i32) (unreachable))

  ;; No files: 8 is EBADF.
  (func (export "fd_close") (param i32) (result i32) (i32.const 8))
  (func $bad2 (param i32 i32) (result i32) (i32.const 8))
  (export "fd_fdstat_get" (func $bad2))
  (export "fd_fdstat_set_flags" (func $bad2))
  (export "fd_prestat_get" (func $bad2))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8)))
