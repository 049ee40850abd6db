//! Bodies, without panics.

use crate::buffers;

/// A body, by the number its buffer has in the ABI.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Body {
    Request = 0,
    Response = 1,
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
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
    buffers::read(body as u32, size)
}

/// Puts `value` in place of the `size` bytes that the host holds. False: the host refused.
pub fn replace(body: Body, size: usize, value: &[u8]) -> bool {
    unsafe { proxy_set_buffer_bytes(body as u32, 0, size, value.as_ptr(), value.len()) == 0 }
}
