;; both roads
(func $realloc (param i32 i32 i32 i32) (result i32) (call $evil) (i32.const 16))
(func $evil unreachable)
