;; both roads
;; A start function that drops what was never made.
(func $start (call $evil))
(func $evil (call $drop-http (i32.const 5)))
