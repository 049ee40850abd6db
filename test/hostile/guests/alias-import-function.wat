;; Imports a function from the engine.
(import "weir:engine" "anything" (func))
