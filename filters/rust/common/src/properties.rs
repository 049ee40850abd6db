//! Properties, without panics.

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_property(path: *const u8, path_size: usize, value: *mut *mut u8, value_size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
}

/// A property by its path, the segments separated by NUL. None: there is none.
pub fn get(path: &str) -> Option<Vec<u8>> {
    let mut data: *mut u8 = std::ptr::null_mut();
    let mut size: usize = 0;
    let status = unsafe { proxy_get_property(path.as_ptr(), path.len(), &mut data, &mut size) };
    if status != 0 {
        return None;
    }
    if data.is_null() {
        return Some(Vec::new());
    }
    // The host got this memory from the SDK's `malloc`, which hands out boxed slices of exactly this size.
    Some(unsafe { Vec::from_raw_parts(data, size, size) })
}

/// False: the host refused.
pub fn set(path: &str, value: &[u8]) -> bool {
    unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) == 0 }
}
