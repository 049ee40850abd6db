;; Its exports have the names of what the engine adds.
(memory $own (export "memory") (export "memory0") 2)
(global (export "interrupt") i32 (i32.const 0))
(func (export "weir:engine"))
(table (export "memory1") 1 funcref)
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.store (i32.const 0) (i32.const 1)) (i32.const 0))
