;; What is called at start is the host's own proc_exit.
(export "_initialize" (func $proc_exit))
