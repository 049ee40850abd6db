;; both roads
;; Memory that isn't there.
(func $realloc (param i32 i32 i32 i32) (result i32) (i32.const 0xfffffff0))
