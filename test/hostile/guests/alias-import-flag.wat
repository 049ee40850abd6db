;; Imports the interruption flag.
(import "weir:engine" "interrupt" (memory 1 1 shared))
(export "memory" (memory 0))
