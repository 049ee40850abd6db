;; both roads
;; Changes the headers while the host writes a list of them.
(global $armed (mut i32) (i32.const 0))
(global $heap (mut i32) (i32.const 16384))
(data (i32.const 1024) "x-namevalue")
(func $realloc (param i32 i32 i32) (param $size i32) (result i32)
  (if (global.get $armed) (then (call $evil)))
  (global.set $heap (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
  (global.get $heap)
  (global.set $heap (i32.add (global.get $heap) (local.get $size))))
(func $evil
  (global.set $armed (i32.sub (global.get $armed) (i32.const 1)))
  (if (i32.and (global.get $armed) (i32.const 1))
    (then (call $headers.append
      (i32.const 0) (i32.const 1024) (i32.const 6) (i32.const 1030) (i32.const 5) (i32.const 3000)))
    (else (call $headers.clear (i32.const 0) (i32.const 3000)))))
(func $on-request-headers (param i32 i32 i32) (result i32)
  (global.set $heap (i32.const 16384))
  (global.set $armed (i32.const 9))
  (call $headers.entries (i32.const 0) (i32.const 3072))
  (global.set $armed (i32.const 0))
  (i32.const 0))
