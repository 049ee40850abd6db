;; Grows a table until it gets no more; then it goes on as if nothing had happened.
(table $t 1 funcref)
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (loop $more (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 100)) (i32.const -1))))
  (if (i32.gt_u (table.size $t) (i32.const 65536)) (then (unreachable)))
  (if (i32.ne (table.grow $t (ref.null func) (i32.const -1)) (i32.const -1)) (then (unreachable)))
  (i32.const 0))
