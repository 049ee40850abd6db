;; Calls itself in its start section until the stack ends.
(func $deeper (param i32) (result i32) (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
(func $boot (drop (call $deeper (i32.const 0))))
(start $boot)
