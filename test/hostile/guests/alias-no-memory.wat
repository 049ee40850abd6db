;; No (memory at all).
(global $unused (mut i32) (i32.const 0))
