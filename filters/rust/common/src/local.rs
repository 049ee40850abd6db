//! Local responses, without panics.

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
}

/// Answers in place of the upstream. False: the host refused.
pub fn respond(status: u32, details: &str, headers: &[(&str, &str)], body: &[u8]) -> bool {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    respond_bytes(status, details, &headers, body)
}

/// The same with values that need not be UTF-8.
pub fn respond_bytes(status: u32, details: &str, headers: &[(&str, &[u8])], body: &[u8]) -> bool {
    let mut pairs = Vec::with_capacity(128);
    pairs.extend_from_slice(&(headers.len() as u32).to_le_bytes());
    for (name, value) in headers {
        pairs.extend_from_slice(&(name.len() as u32).to_le_bytes());
        pairs.extend_from_slice(&(value.len() as u32).to_le_bytes());
    }
    for (name, value) in headers {
        for text in [name.as_bytes(), value] {
            pairs.extend_from_slice(text);
            pairs.push(0);
        }
    }
    let no_grpc_status = -1;
    unsafe {
        proxy_send_local_response(
            status,
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            pairs.as_ptr(),
            pairs.len(),
            no_grpc_status,
        ) == 0
    }
}
