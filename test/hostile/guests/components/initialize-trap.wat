;; both roads
(func $initialize (call $evil))
(func $evil unreachable)
