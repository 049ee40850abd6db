;; both roads
;; A constructor whose result was never made.
(func $plugin-constructor (result i32) (i32.const 12345))
