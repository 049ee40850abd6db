;; both roads
;; Drops its own contexts, over and over, under the host's feet.
(global $plugin (mut i32) (i32.const 0))
(global $stream (mut i32) (i32.const 0))
(func $plugin-constructor (result i32)
  (global.set $plugin (call $new-plugin (i32.const 5))) (global.get $plugin))
(func $create-http-context (param i32 i32) (result i32)
  (global.set $stream (call $new-http (i32.const 6))) (global.get $stream))
(func $on-request-headers (param i32 i32 i32) (result i32)
  (call $drop-http (global.get $stream)) (call $drop-plugin (global.get $plugin)) (i32.const 0))
