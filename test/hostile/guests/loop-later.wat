;; Starts well until a moment that the environment names (AFTER=, milliseconds since the epoch, 13 digits); its VM dies
;; with every request, and from that moment on proxy_on_vm_start never ends.
(func $moment (result i64) (local $at i32) (local $value i64)
  (drop (call $environ_get (i32.const 1024) (i32.const 1040)))
  (local.set $at (i32.const 1046))
  (loop $digit
    (local.set $value (i64.add
      (i64.mul (local.get $value) (i64.const 10))
      (i64.extend_i32_u (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (br_if $digit (i32.lt_u (local.get $at) (i32.const 1059))))
  (local.get $value))
(func $late (result i32)
  (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 1024)))
  (i64.ge_u (i64.div_u (i64.load (i32.const 1024)) (i64.const 1000000)) (call $moment)))
(func $spin (loop $again (br $again)))
(func (export "proxy_on_vm_start") (param i32 i32) (result i32)
  (if (call $late) (then (call $spin)))
  (i32.const 1))
(func $fall (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (unreachable))
