//! Metrics. What a filter counts must never stop it: a host without metrics, or with none left, is as good.

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, metric: *mut u32) -> u32;
    fn proxy_increment_metric(metric: u32, offset: i64) -> u32;
}

#[derive(Clone, Copy)]
pub struct Counter(Option<u32>);

impl Counter {
    pub fn new(name: &str) -> Self {
        const COUNTER: u32 = 0;
        let mut metric = 0;
        let status = unsafe { proxy_define_metric(COUNTER, name.as_ptr(), name.len(), &mut metric) };
        Counter((status == 0).then_some(metric))
    }

    pub fn increment(self) {
        if let Counter(Some(metric)) = self {
            unsafe { proxy_increment_metric(metric, 1) };
        }
    }
}
