;; both roads
(func $initialize (call $evil))
(func $evil (loop $again (br $again)))
