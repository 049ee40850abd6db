;; Needs 18 MiB from the beginning, in two memories that would fit alone.
(memory (export "memory") 144)
(memory 144)
