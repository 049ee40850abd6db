;; A command whose _start never ends.
(func $spin (export "_start") (loop $again (br $again)))
