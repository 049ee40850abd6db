;; both roads
(func $start (call $evil))
(func $evil unreachable)
