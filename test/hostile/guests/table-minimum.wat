;; Needs a table of a million entries from the beginning.
(table 1000000 funcref)
