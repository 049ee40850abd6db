;; Wants its memory from the host.
(import "env" "memory" (memory 2))
(export "memory" (memory 0))
