;; both roads
(data (i32.const 4096) "bad \ff\fe\c0\80 text\0a\1b[31m red")
(data (i32.const 2048) "\01\00\00\00\00\10\00\00\16\00\00\00")
(func $on-configure (param i32 i32 i32) (result i32) (i32.const 2048))
