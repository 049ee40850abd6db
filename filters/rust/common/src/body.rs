//! Bodies, without panics.

/// A body, by the number its buffer has in the ABI.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Body {
    Request = 0,
    Response = 1,
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_buffer_bytes(
        buffer: u32,
        start: usize,
        size: usize,
        data: *const u8,
        data_size: usize,
    ) -> u32;
    fn proxy_get_buffer_status(buffer: u32, size: *mut usize, ignored: *mut u32) -> u32;
}

/// How much the host holds.
pub fn size(body: Body) -> usize {
    let (mut size, mut ignored) = (0, 0);
    let status = unsafe { proxy_get_buffer_status(body as u32, &mut size, &mut ignored) };
    if status == 0 { size } else { 0 }
}

/// What the host holds.
pub fn get(body: Body, size: usize) -> Option<Vec<u8>> {
    let mut data: *mut u8 = std::ptr::null_mut();
    let mut given: usize = 0;
    let status = unsafe { proxy_get_buffer_bytes(body as u32, 0, size, &mut data, &mut given) };
    if status != 0 || data.is_null() {
        return None;
    }
    // The host got this memory from the SDK's `malloc`, which hands out boxed slices of exactly this size.
    Some(unsafe { Vec::from_raw_parts(data, given, given) })
}

/// Puts `value` in place of the `size` bytes that the host holds. False: the host refused.
pub fn replace(body: Body, size: usize, value: &[u8]) -> bool {
    unsafe { proxy_set_buffer_bytes(body as u32, 0, size, value.as_ptr(), value.len()) == 0 }
}
