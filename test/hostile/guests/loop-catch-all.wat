;; Loops for ever within a try, around a function that loops: whatever comes out of it, it goes on.
(func $spin (loop $again (br $again)))
(func $evil (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (loop $more
    (try (do (call $spin)) (catch_all))
    (br $more))
  (i32.const 0))
