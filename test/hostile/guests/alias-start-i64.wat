;; Functions that are called at start have signatures of their own.
(func (export "_initialize") (param i64))
