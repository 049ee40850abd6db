;; Exports a table as `memory`.
(memory 1)
(table (export "memory") 1 funcref)
