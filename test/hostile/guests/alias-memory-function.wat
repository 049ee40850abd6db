;; Exports a function as `memory`.
(func (export "memory"))
(memory 1)
