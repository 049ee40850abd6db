;; both roads
;; Booleans that are neither 0 nor 1: true, says the canonical ABI.
(func $http-on-done (param i32) (result i32) (i32.const -1))
(func $plugin-on-done (param i32) (result i32) (i32.const 2))
