;; both roads
;; Sixty local responses as large as they may be, kept for ever, and filled anew in every request.
(memory 32)
(global $made (mut i32) (i32.const 0))
(data (i32.const 1024) "x-name")
(func $on-request-headers (param i32 i32 i32) (result i32) (local $i i32)
  (local.set $i (i32.const 1))
  (loop $each
    (if (i32.lt_u (global.get $made) (local.get $i))
      (then (global.set $made (call $local-response.new (i32.const 200)))))
    (call $local-response.set-body (local.get $i) (i32.const 0) (i32.const 65536) (i32.const 3072))
    (call $local-response.append-header
      (local.get $i) (i32.const 1024) (i32.const 6) (i32.const 65536) (i32.const 4096) (i32.const 3072))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $each (i32.le_u (local.get $i) (i32.const 60))))
  (i32.const 0))
