;; Too much of one thing, as the environment variable K says. What the hostcalls answered is told at the end in a
;; local response with status 299: "ok=N bad=N other=N" (OK; BAD_ARGUMENT; any other status).
(memory (export "memory") 4)
(global $kind (mut i32) (i32.const 0))
(global $ok (mut i32) (i32.const 0))
(global $bad (mut i32) (i32.const 0))
(global $other (mut i32) (i32.const 0))
(global $end (mut i32) (i32.const 0))
(global $next (mut i32) (i32.const 40960))
;; 256: results. 1024: the environment. 2048: a report. 4096: a name with a number. 8192: vectors or a map.
;; 32768: names that are none. 65536 and up: three pages of "a".
(data (i32.const 512) "x-0000000other bad= ok=:path")

(func $is (param i32) (result i32) (i32.eq (global.get $kind) (local.get 0)))
(func (export "proxy_on_memory_allocate") (param $n i32) (result i32)
  (if (i32.gt_u (i32.add (global.get $next) (local.get $n)) (i32.const 65536)) (then (global.set $next (i32.const 40960))))
  (global.get $next)
  (global.set $next (i32.add (global.get $next) (local.get $n))))

(func $count (param $status i32)
  (if (i32.eqz (local.get $status)) (then (global.set $ok (i32.add (global.get $ok) (i32.const 1)))))
  (if (i32.eq (local.get $status) (i32.const 2)) (then (global.set $bad (i32.add (global.get $bad) (i32.const 1)))))
  (if (i32.and (i32.ne (local.get $status) (i32.const 0)) (i32.ne (local.get $status) (i32.const 2)))
    (then (global.set $other (i32.add (global.get $other) (i32.const 1))))))

;; A number of seven digits at 514: the name is at 512, with 9 bytes.
(func $number (param $n i32)
  (local $at i32)
  (local.set $at (i32.const 520))
  (loop $digit
    (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
    (local.set $n (i32.div_u (local.get $n) (i32.const 10)))
    (local.set $at (i32.sub (local.get $at) (i32.const 1)))
    (br_if $digit (i32.ge_u (local.get $at) (i32.const 514)))))
(func $append (param $from i32) (param $n i32)
  (memory.copy (global.get $end) (local.get $from) (local.get $n))
  (global.set $end (i32.add (global.get $end) (local.get $n))))
(func $report
  (global.set $end (i32.const 2048))
  (call $append (i32.const 532) (i32.const 3))
  (call $number (global.get $ok))
  (call $append (i32.const 514) (i32.const 7))
  (call $append (i32.const 526) (i32.const 5))
  (call $number (global.get $bad))
  (call $append (i32.const 514) (i32.const 7))
  (i32.store8 (global.get $end) (i32.const 32))
  (global.set $end (i32.add (global.get $end) (i32.const 1)))
  (call $append (i32.const 521) (i32.const 5))
  (i32.store8 (global.get $end) (i32.const 61))
  (global.set $end (i32.add (global.get $end) (i32.const 1)))
  (call $number (global.get $other))
  (call $append (i32.const 514) (i32.const 7))
  (drop (call $proxy_send_local_response (i32.const 299) (i32.const 0) (i32.const 0)
    (i32.const 2048) (i32.sub (global.get $end) (i32.const 2048)) (i32.const 0) (i32.const 0) (i32.const -1))))

;; `times` fields with names of their own and values of `size` bytes.
(func $fields (param $map i32) (param $times i32) (param $size i32) (local $i i32)
  (loop $on
    (call $number (local.get $i))
    (call $count (call $proxy_add_header_map_value (local.get $map)
      (i32.const 512) (i32.const 9) (i32.const 65536) (local.get $size)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $on (i32.lt_u (local.get $i) (local.get $times)))))
;; One field whose value grows.
(func $grows (param $map i32) (local $i i32)
  (loop $on
    (call $count (call $proxy_replace_header_map_value (local.get $map)
      (i32.const 512) (i32.const 9) (i32.const 65536) (i32.shl (local.get $i) (i32.const 6))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $on (i32.lt_u (local.get $i) (i32.const 3000)))))

;; A map of `n` pairs at 65536, each "a" with a value of `size` bytes; its length.
(func $map (param $n i32) (param $size i32) (result i32) (local $i i32) (local $at i32)
  (i32.store (i32.const 65536) (local.get $n))
  (local.set $at (i32.add (i32.const 65540) (i32.shl (local.get $n) (i32.const 3))))
  (if (local.get $n) (then
    (loop $on
      (i32.store (i32.add (i32.const 65540) (i32.shl (local.get $i) (i32.const 3))) (i32.const 1))
      (i32.store (i32.add (i32.const 65544) (i32.shl (local.get $i) (i32.const 3))) (local.get $size))
      (i32.store16 (local.get $at) (i32.const 0x0061))
      (memory.fill (i32.add (local.get $at) (i32.const 2)) (i32.const 0x62) (local.get $size))
      (local.set $at (i32.add (i32.add (local.get $at) (i32.const 2)) (local.get $size)))
      (i32.store8 (local.get $at) (i32.const 0))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $on (i32.lt_u (local.get $i) (local.get $n))))))
  (i32.sub (local.get $at) (i32.const 65536)))
(func $set (param $n i32) (param $size i32)
  (call $count (call $proxy_set_header_map_pairs (i32.const 0) (i32.const 65536) (call $map (local.get $n) (local.get $size)))))
;; A map of 3 pairs with one number in it replaced by a lie.
(func $lie (param $at i32) (param $value i32) (local $n i32)
  (local.set $n (call $map (i32.const 3) (i32.const 4)))
  (i32.store (i32.add (i32.const 65536) (local.get $at)) (local.get $value))
  (call $count (call $proxy_set_header_map_pairs (i32.const 0) (i32.const 65536) (local.get $n)))
  (call $count (call $proxy_send_local_response (i32.const 418) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
    (i32.const 65536) (local.get $n) (i32.const -1))))
(func $lies (param $value i32) (local $at i32)
  (loop $on
    (call $lie (local.get $at) (local.get $value))
    (local.set $at (i32.add (local.get $at) (i32.const 4)))
    (br_if $on (i32.lt_u (local.get $at) (i32.const 28)))))

;; Every byte that is not allowed: in a name, then in a value; by every hostcall that takes either.
(func $illegal (param $byte i32) (param $name i32) (local $at i32) (local $n i32)
  (i32.store (i32.const 8192) (i32.const 0x612d78)) ;; "x-a"
  (i32.store (i32.const 8200) (i32.const 0x636261)) ;; "abc"
  (i32.store8 (select (i32.const 8193) (i32.const 8201) (local.get $name)) (local.get $byte))
  (call $count (call $proxy_add_header_map_value (i32.const 0) (i32.const 8192) (i32.const 3) (i32.const 8200) (i32.const 3)))
  (call $count (call $proxy_replace_header_map_value (i32.const 0) (i32.const 8192) (i32.const 3) (i32.const 8200) (i32.const 3)))
  (local.set $n (call $map (i32.const 1) (i32.const 3)))
  (i32.store8 (select (i32.const 65548) (i32.const 65551) (local.get $name)) (local.get $byte))
  (call $count (call $proxy_set_header_map_pairs (i32.const 0) (i32.const 65536) (local.get $n)))
  (call $count (call $proxy_send_local_response (i32.const 418) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
    (i32.const 65536) (local.get $n) (i32.const -1))))
(func $all_illegal (local $byte i32)
  (loop $on
    ;; A tab and a space are legal in a value.
    (if (i32.and (i32.ne (local.get $byte) (i32.const 9)) (i32.ne (local.get $byte) (i32.const 32)))
      (then (call $illegal (local.get $byte) (i32.const 0))))
    (call $illegal (local.get $byte) (i32.const 1))
    (local.set $byte (i32.add (local.get $byte) (i32.const 1)))
    (br_if $on (i32.le_u (local.get $byte) (i32.const 32))))
  (call $illegal (i32.const 0x7f) (i32.const 0))
  (call $illegal (i32.const 0x7f) (i32.const 1))
  (call $illegal (i32.const 0x3a) (i32.const 1))
  (call $illegal (i32.const 0x80) (i32.const 1)))

(func $properties (param $own i32) (local $i i32)
  (loop $on
    (if (local.get $own) (then (call $number (local.get $i))))
    (call $count (call $proxy_set_property (i32.const 512) (i32.const 9) (i32.const 65536) (i32.const 100)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $on (i32.lt_u (local.get $i) (i32.const 10000)))))

(func $logs (local $i i32)
  (loop $on
    (call $count (call $proxy_log (i32.const 2) (i32.const 512) (i32.const 9)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $on (i32.lt_u (local.get $i) (i32.const 10000)))))

(func $write (param $vectors i32) (result i32)
  (call $fd_write (i32.const 1) (i32.const 8192) (local.get $vectors) (i32.const 256)))
(func $vector (param $ptr i32) (param $n i32)
  (i32.store (i32.const 8192) (local.get $ptr))
  (i32.store (i32.const 8196) (local.get $n)))
(func $writes (param $times i32) (local $i i32)
  (loop $on
    (call $count (call $write (i32.const 1)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $on (i32.lt_u (local.get $i) (local.get $times)))))

(func $random (param $ptr i32) (param $n i32)
  (call $count (call $random_get (local.get $ptr) (local.get $n))))
(func $randoms (local $i i32)
  (loop $on
    (call $random (i32.const 65536) (i32.const 65536))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $on (i32.lt_u (local.get $i) (i32.const 50))))
  (call $random (i32.const 0) (i32.const 262144))
  (call $random (i32.const 0) (i32.const -1))
  (call $random (i32.const -1) (i32.const 2))
  (call $random (i32.const 262143) (i32.const 2))
  (call $random (i32.const 0x80000000) (i32.const 0x80000000)))

;; As much of everything as 1.5 GiB of real memory hold, each in one hostcall.
(func $huge (param $n i32)
  (call $count (call $proxy_get_header_map_value (i32.const 0) (i32.const 0) (local.get $n) (i32.const 256) (i32.const 260)))
  (call $count (call $proxy_add_header_map_value (i32.const 0) (i32.const 0) (local.get $n) (i32.const 0) (i32.const 1)))
  (call $count (call $proxy_add_header_map_value (i32.const 0) (i32.const 512) (i32.const 9) (i32.const 0) (local.get $n)))
  (call $count (call $proxy_replace_header_map_value (i32.const 0) (i32.const 0) (local.get $n) (i32.const 0) (local.get $n)))
  (call $count (call $proxy_replace_header_map_value (i32.const 0) (i32.const 512) (i32.const 9) (i32.const 0) (local.get $n)))
  (call $count (call $proxy_remove_header_map_value (i32.const 0) (i32.const 0) (local.get $n)))
  (call $count (call $proxy_set_header_map_pairs (i32.const 0) (i32.const 0) (local.get $n)))
  (call $count (call $proxy_set_property (i32.const 512) (i32.const 9) (i32.const 0) (local.get $n)))
  (call $count (call $proxy_set_property (i32.const 0) (local.get $n) (i32.const 512) (i32.const 9)))
  (call $count (call $proxy_get_property (i32.const 0) (local.get $n) (i32.const 256) (i32.const 260)))
  (call $count (call $proxy_log (i32.const 2) (i32.const 0) (local.get $n)))
  (call $count (call $proxy_send_local_response (i32.const 418) (i32.const 0) (i32.const 0) (i32.const 0) (local.get $n)
    (i32.const 0) (i32.const 0) (i32.const -1)))
  (call $count (call $proxy_send_local_response (i32.const 418) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
    (i32.const 0) (local.get $n) (i32.const -1)))
  (call $random (i32.const 0) (local.get $n)))

(func $first (result i32) (i32.eqz (i32.or (global.get $ok) (global.get $bad))))
(func $body (param $type i32) (local $i i32)
  (loop $on
    (call $count (call $proxy_set_buffer_bytes (local.get $type) (i32.const -1) (i32.const 0) (i32.const 65536) (i32.const 65536)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $on (i32.lt_u (local.get $i) (i32.const 1000)))))

(func (export "_initialize")
  (memory.fill (i32.const 65536) (i32.const 0x61) (i32.const 196608))
  (drop (call $environ_get (i32.const 256) (i32.const 1024)))
  (global.set $kind (i32.load8_u (i32.const 1026))))

(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (global.set $ok (i32.const 0))
  (global.set $bad (i32.const 0))
  (global.set $other (i32.const 0))
  ;; a: ten thousand fields; b: fields of 64 KiB; c: of 192 KiB less; d: one that grows.
  (if (call $is (i32.const 0x61)) (then (call $fields (i32.const 0) (i32.const 10000) (i32.const 5))))
  (if (call $is (i32.const 0x62)) (then (call $fields (i32.const 0) (i32.const 10) (i32.const 65000))))
  (if (call $is (i32.const 0x63)) (then (call $fields (i32.const 0) (i32.const 10) (i32.const 190000))))
  (if (call $is (i32.const 0x64)) (then (call $grows (i32.const 0))))
  ;; e: maps of many pairs, and of large ones.
  (if (call $is (i32.const 0x65)) (then
    (call $set (i32.const 1000) (i32.const 3))
    (call $set (i32.const 1001) (i32.const 3))
    (call $set (i32.const 1024) (i32.const 3))
    (call $set (i32.const 1025) (i32.const 3))
    (call $set (i32.const 10000) (i32.const 3))
    (call $set (i32.const 2) (i32.const 60000))
    (call $set (i32.const 3) (i32.const 60000))))
  ;; f: numbers in maps that lie.
  (if (call $is (i32.const 0x66)) (then
    (call $lies (i32.const -1))
    (call $lies (i32.const 0x7fffffff))
    (call $lies (i32.const 0x80000000))
    (call $lies (i32.const 0x20000000))
    (call $lies (i32.const 0x20000003))
    (call $lies (i32.const 5))
    (call $lies (i32.const 2))))
  ;; g: bytes that no field may have.
  (if (call $is (i32.const 0x67)) (then (call $all_illegal)))
  ;; u: small ones are counted, a map of 120 kB takes their place, and more is added to it.
  (if (call $is (i32.const 0x75)) (then
    (call $fields (i32.const 0) (i32.const 1) (i32.const 5))
    (call $set (i32.const 2) (i32.const 60000))
    (memory.fill (i32.const 65536) (i32.const 0x61) (i32.const 65536))
    (call $fields (i32.const 0) (i32.const 2) (i32.const 60000))))
  ;; h: properties; i: one property again and again; j: lines for the log.
  (if (call $is (i32.const 0x68)) (then (call $properties (i32.const 1))))
  (if (call $is (i32.const 0x69)) (then (call $properties (i32.const 0))))
  (if (call $is (i32.const 0x6a)) (then (call $logs)))
  ;; k: 1,000 newlines a write; l: 16 KiB a write, without a newline; m: many vectors.
  (if (call $is (i32.const 0x6b)) (then
    (memory.fill (i32.const 65536) (i32.const 10) (i32.const 1000))
    (call $vector (i32.const 65536) (i32.const 1000))
    (call $writes (i32.const 20))))
  (if (call $is (i32.const 0x6c)) (then
    (call $vector (i32.const 65536) (i32.const 16000))
    (call $writes (i32.const 500))))
  (if (call $is (i32.const 0x6d)) (then
    (call $vector (i32.const 65536) (i32.const 1))
    (call $count (call $write (i32.const -1)))
    (call $count (call $write (i32.const 0x20000000)))
    (call $count (call $write (i32.const 1025)))
    (call $count (call $write (i32.const 1024)))
    (call $vector (i32.const 65536) (i32.const -1))
    (call $count (call $write (i32.const 1)))
    (call $vector (i32.const -1) (i32.const 2))
    (call $count (call $write (i32.const 1)))))
  (if (call $is (i32.const 0x6e)) (then (call $randoms)))
  ;; o: a gigabyte that isn't there; p: one that is.
  (if (call $is (i32.const 0x6f)) (then (call $huge (i32.const 0x40000000)) (call $huge (i32.const -1))))
  (if (call $is (i32.const 0x70)) (then
    (if (i32.lt_u (memory.size) (i32.const 24576)) (then (drop (memory.grow (i32.const 24000)))))
    (call $huge (i32.const 0x40000000))
    (call $huge (i32.const 0x50000000))))
  ;; q r s: later, see below.
  (if (i32.or (i32.lt_u (global.get $kind) (i32.const 0x71)) (i32.gt_u (global.get $kind) (i32.const 0x74)))
    (then (call $report)))
  (i32.const 0))
;; q: the body of the request; r: its trailers; s: fields of the response; t: its body.
(func (export "proxy_on_request_body") (param i32) (param i32) (param $end i32) (result i32)
  (if (i32.and (call $first) (call $is (i32.const 0x71))) (then (call $body (i32.const 0)) (call $report)))
  (if (i32.and (local.get $end) (call $is (i32.const 0x72))) (then
    (call $fields (i32.const 1) (i32.const 10000) (i32.const 5))
    (call $report)))
  (i32.const 0))
(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
  (if (call $is (i32.const 0x73)) (then (call $fields (i32.const 2) (i32.const 10000) (i32.const 5))))
  (i32.const 0))
(func (export "proxy_on_response_body") (param i32) (param i32) (param $end i32) (result i32)
  (if (i32.and (call $first) (call $is (i32.const 0x74))) (then (call $body (i32.const 1))))
  (i32.const 0))
