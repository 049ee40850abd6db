;; Calls itself at the tail through a table, for ever.
(type $step (func (param i32) (result i32)))
(table 1 1 funcref)
(elem (i32.const 0) $again)
(func $again (type $step) (return_call_indirect (type $step) (local.get 0) (i32.const 0)))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (return_call $again (i32.const 0)))
