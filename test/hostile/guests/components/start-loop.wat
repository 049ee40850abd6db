;; both roads
(func $start (call $evil))
(func $evil (loop $again (br $again)))
