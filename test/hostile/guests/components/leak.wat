;; both roads
;; Drops ten thousand local responses that never were, each with another number, and makes as many.
(global $next (mut i32) (i32.const 70))
(func $on-request-headers (param i32 i32 i32) (result i32) (local $left i32)
  (local.set $left (i32.const 1000))
  (loop $evil
    (call $local-response.drop (call $local-response.new (i32.const 200)))
    (local.set $left (i32.sub (local.get $left) (i32.const 1)))
    (br_if $evil (local.get $left)))
  (local.set $left (i32.const 10000))
  (loop $evil
    (call $local-response.drop (global.get $next))
    (global.set $next (i32.add (global.get $next) (i32.const 1)))
    (local.set $left (i32.sub (local.get $left) (i32.const 1)))
    (br_if $evil (local.get $left)))
  (i32.const 0))
