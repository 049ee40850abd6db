;; both roads
;; Always the same place: lists of lists lie over each other.
(func $realloc (param i32 i32 i32 i32) (result i32) (i32.const 0))
(func $on-request-headers (param i32 i32 i32) (result i32)
  (call $headers.entries (i32.const 0) (i32.const 3072)) (i32.const 0))
