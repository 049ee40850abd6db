;; both roads
;; Sends the draft that the host is about to fill.
(global $draft (mut i32) (i32.const 0))
(global $armed (mut i32) (i32.const 0))
(func $realloc (param i32 i32 i32 i32) (result i32)
  (if (global.get $armed) (then (call $evil)))
  (i32.const 16384))
(func $evil
  (global.set $armed (i32.const 0))
  (call $http-stream.send-local-response (global.get $draft) (i32.const 3000)))
(func $on-request-headers (param i32 i32 i32) (result i32)
  (global.set $draft (call $local-response.new (i32.const 418)))
  (global.set $armed (i32.const 1))
  (call $headers.entries (i32.const 0) (i32.const 3072))
  (call $local-response.set-body (global.get $draft) (i32.const 0) (i32.const 10) (i32.const 3000))
  (i32.const 0))
