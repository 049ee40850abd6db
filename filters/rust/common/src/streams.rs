//! Streams, without panics.

/// By the number it has in the ABI.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Stream {
    Request = 0,
    Downstream = 2,
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_close_stream(stream: u32) -> u32;
}

/// What was paused goes on. False: the host refused.
pub fn resume(stream: Stream) -> bool {
    unsafe { proxy_continue_stream(stream as u32) == 0 }
}

/// False: the host refused.
pub fn close(stream: Stream) -> bool {
    unsafe { proxy_close_stream(stream as u32) == 0 }
}
