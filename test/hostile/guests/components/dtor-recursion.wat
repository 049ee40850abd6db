;; both roads
;; A destructor that drops another one, which does the same.
(func $http-dtor (param i32) (call $drop-http (call $new-http (i32.const 1))))
