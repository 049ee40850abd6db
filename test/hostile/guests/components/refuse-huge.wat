;; both roads
;; Refuses its configuration with the whole memory as a reason.
(memory 256)
(data (i32.const 4096) "all that there is")
(data (i32.const 2048) "\01\00\00\00\00\10\00\00\00\f0\ff\00")
(func $on-configure (param i32 i32 i32) (result i32) (i32.const 2048))
