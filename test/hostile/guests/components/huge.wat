;; both roads
;; The whole memory, as everything that takes a string or a list; over and over.
(memory 256)
(func $on-request-headers (param i32 i32 i32) (result i32) (local $all i32)
  (local.set $all (i32.mul (memory.size) (i32.const 65536)))
  (loop $evil
    (call $logging.log (i32.const 4) (i32.const 0) (local.get $all))
    (call $headers.set (i32.const 0) (i32.const 0) (local.get $all) (i32.const 0) (local.get $all) (i32.const 3072))
    (call $headers.get (i32.const 0) (i32.const 0) (local.get $all) (i32.const 3072))
    (call $headers.remove (i32.const 0) (i32.const 0) (local.get $all) (i32.const 3072))
    (call $properties.set (i32.const 0) (local.get $all) (i32.const 0) (local.get $all) (i32.const 3072))
    (call $properties.get (i32.const 0) (local.get $all) (i32.const 3072))
    (call $body.write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (local.get $all) (i32.const 3072))
    (br $evil))
  (i32.const 0))
