;; both roads
;; A start function that makes resources; nobody ever asks for them.
(func $start (call $evil))
(func $evil
  (drop (call $new-http (i32.const 5)))
  (drop (call $new-plugin (i32.const 5)))
  (drop (call $local-response.new (i32.const 200)))
  (drop (call $logging.level)))
