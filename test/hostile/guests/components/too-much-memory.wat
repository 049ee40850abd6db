;; both roads
(memory 1000)
