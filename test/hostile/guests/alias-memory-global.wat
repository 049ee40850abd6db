;; Exports a global as `memory`.
(memory 1)
(global (export "memory") i32 (i32.const 0))
