//! Header maps, without panics.

/// A header map, by the number it has in the ABI.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Map {
    Request = 0,
    Response = 2,
    CallResponse = 6,
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, pairs: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
}

/// The first value of a header, as the bytes that arrived: they need not be UTF-8.
pub fn get(map: Map, name: &str) -> Option<Vec<u8>> {
    let mut data: *mut u8 = std::ptr::null_mut();
    let mut size: usize = 0;
    let status =
        unsafe { proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), &mut data, &mut size) };
    if status != 0 {
        return None;
    }
    if data.is_null() {
        return Some(Vec::new());
    }
    // The host got this memory from the SDK's `malloc`, which hands out boxed slices of exactly this size.
    Some(unsafe { Vec::from_raw_parts(data, size, size) })
}

/// A name and a value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// All values of a header, in order. None: the host does not hand them out.
pub fn all(map: Map, name: &str) -> Option<Vec<Vec<u8>>> {
    let pairs = pairs(map)?.into_iter();
    Some(pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value).collect())
}

/// All headers, in order. None: the host does not hand them out.
pub fn pairs(map: Map) -> Option<Vec<Pair>> {
    let mut data: *mut u8 = std::ptr::null_mut();
    let mut size: usize = 0;
    let status = unsafe { proxy_get_header_map_pairs(map as u32, &mut data, &mut size) };
    if status != 0 {
        return None;
    }
    if data.is_null() {
        return Some(Vec::new());
    }
    // As in `get`.
    parse(&unsafe { Vec::from_raw_parts(data, size, size) })
}

/// A serialized map: the number of pairs, their lengths, then each text with a NUL.
fn parse(pairs: &[u8]) -> Option<Vec<Pair>> {
    let number = |at: usize| Some(u32::from_le_bytes(pairs.get(at..)?.get(..4)?.try_into().ok()?) as usize);
    let count = number(0)?;
    let mut text = pairs.get(count.checked_mul(8)?.checked_add(4)?..)?;
    let mut found = Vec::with_capacity(count);
    for index in 0..count {
        let mut next = |size: usize| {
            let part = text.get(..size)?;
            text = text.get(size.checked_add(1)?..)?;
            Some(part.to_vec())
        };
        found.push((next(number(4 + 8 * index)?)?, next(number(8 + 8 * index)?)?));
    }
    Some(found)
}

/// Leaves one value, whatever there was. False: the host refused.
pub fn set(map: Map, name: &str, value: &[u8]) -> bool {
    unsafe {
        proxy_replace_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len()) == 0
    }
}

/// Appends a value. False: the host refused.
pub fn add(map: Map, name: &str, value: &[u8]) -> bool {
    unsafe {
        proxy_add_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len()) == 0
    }
}

/// Removes all values. False: the host refused (some answer so when there was none).
pub fn remove(map: Map, name: &str) -> bool {
    unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) == 0 }
}

/// A header name as RFC 9110 has it: a token.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// A header value that no host has a reason to refuse: no control characters but tab.
pub fn is_value(value: &[u8]) -> bool {
    value.iter().all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f))
}
