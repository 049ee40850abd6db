;; Imports what the engine would give to others.
(import "weir:engine" "memory0" (memory 2))
(export "memory" (memory 0))
