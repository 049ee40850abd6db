//! The shared key-value store, without panics: a store may be out of reach, full, or not granted.

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
        cas: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
        cas: u32,
    ) -> u32;
}

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const CAS_MISMATCH: u32 = 8;

/// The store did not do it; the status that it answered with.
#[derive(Debug)]
pub struct Failed(pub u32);

/// A value and its version, which is never 0; None: there is none.
pub fn get(key: &str) -> Result<Option<(Vec<u8>, u32)>, Failed> {
    let mut data: *mut u8 = std::ptr::null_mut();
    let (mut size, mut cas) = (0, 0);
    match unsafe { proxy_get_shared_data(key.as_ptr(), key.len(), &mut data, &mut size, &mut cas) } {
        OK if data.is_null() => Ok(Some((Vec::new(), cas))),
        // The host got this memory from the SDK's `malloc`, which hands out boxed slices of exactly this size.
        OK => Ok(Some((unsafe { Vec::from_raw_parts(data, size, size) }, cas))),
        NOT_FOUND => Ok(None),
        status => Err(Failed(status)),
    }
}

/// Sets the value if its version is `cas`, or whatever its version with 0. False: it has another one by now.
pub fn set(key: &str, value: &[u8], cas: u32) -> Result<bool, Failed> {
    match unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) } {
        OK => Ok(true),
        CAS_MISMATCH => Ok(false),
        status => Err(Failed(status)),
    }
}
