//! What Weir's Rust filters share.
//!
//! The setters of the SDK panic on every status but OK, and a panic kills the whole VM. A host may well refuse a
//! header (a value it finds malformed, a limit that is reached), and a request must never be able to cause a
//! trap, so the calls here return the status.

pub mod body;
pub mod buffers;
pub mod calls;
pub mod config;
pub mod headers;
pub mod local;
pub mod metrics;
pub mod properties;
pub mod shared_data;
pub mod streams;
pub mod values;

use proxy_wasm::types::LogLevel;

/// Logs the reason and returns `false`: the answer of `on_configure` to a wrong configuration.
pub fn refuse(filter: &str, reason: &str) -> bool {
    log(LogLevel::Error, &format!("{filter}: wrong configuration: {reason}"));
    false
}

/// Logs, whatever the host answers.
pub fn log(level: LogLevel, message: &str) {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        fn proxy_log(level: u32, data: *const u8, size: usize) -> u32;
    }
    unsafe { proxy_log(level as u32, message.as_ptr(), message.len()) };
}

/// Seconds since 1970 by the host's clock.
pub fn now() -> Option<f64> {
    now_nanoseconds().map(|time| time as f64 / 1e9)
}

/// Nanoseconds since 1970 by the host's clock.
pub fn now_nanoseconds() -> Option<u64> {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    }
    let mut time = 0_u64;
    let status = unsafe { proxy_get_current_time_nanoseconds(&mut time) };
    (status == 0).then_some(time)
}
