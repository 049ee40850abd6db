//! Buffers that are only read, without panics.

/// By the number it has in the ABI.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Buffer {
    Downstream = 2,
    CallResponse = 4,
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
}

/// The first `size` bytes, or all if it has fewer.
pub fn get(buffer: Buffer, size: usize) -> Option<Vec<u8>> {
    read(buffer as u32, size)
}

pub(crate) fn read(buffer: u32, size: usize) -> Option<Vec<u8>> {
    let mut data: *mut u8 = std::ptr::null_mut();
    let mut given: usize = 0;
    let status = unsafe { proxy_get_buffer_bytes(buffer, 0, size, &mut data, &mut given) };
    if status != 0 || data.is_null() {
        return None;
    }
    // The host got this memory from the SDK's `malloc`, which hands out boxed slices of exactly this size.
    Some(unsafe { Vec::from_raw_parts(data, given, given) })
}
