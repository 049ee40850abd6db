;; Exports a global as the allocator.
(global (export "proxy_on_memory_allocate") i32 (i32.const 0))
