;; Fills a table with 60,000 entries, for ever.
(table 60000 funcref)
(elem declare func $evil)
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) 
  (loop $again
    (table.fill 0 (i32.const 0) (ref.func $evil) (i32.const 60000))
    (br $again))
  (i32.const 0))
