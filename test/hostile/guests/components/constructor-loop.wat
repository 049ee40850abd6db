;; both roads
(func $plugin-constructor (result i32) (call $evil) (i32.const 1))
(func $evil (loop $again (br $again)))
