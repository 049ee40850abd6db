//! HTTP calls to upstreams.

use proxy_wasm::hostcalls;
use std::time::Duration;

/// A request to `upstream`, without a body; the answer comes to the context that runs now. `headers` has the pseudo
/// headers too. None: the host refused.
pub fn dispatch(upstream: &str, headers: &[(&str, &[u8])], timeout: Duration) -> Option<u32> {
    let texts = headers
        .iter()
        // SAFETY: values need not be UTF-8, but the SDK, which takes them as `str` only, copies their bytes and looks
        // at nothing else. Its own hostcall has to be used: it notes down whom the answer is for.
        .map(|&(name, value)| (name, unsafe { std::str::from_utf8_unchecked(value) }))
        .collect();
    hostcalls::dispatch_http_call(upstream, texts, None, Vec::new(), timeout).ok()
}
