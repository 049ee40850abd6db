;; Needs 64 MiB from the beginning.
(memory (export "memory") 1024)
