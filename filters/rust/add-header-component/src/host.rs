//! What the rules ask of the host, by the names they know from the module.

#[path = "../../common/src/config.rs"]
#[allow(dead_code)] // it is for all filters
pub mod config;

pub mod types {
    pub use crate::weir::filter::logging::LogLevel;
}

pub use crate::weir::filter::logging::log;

pub mod headers {
    use crate::weir::filter::headers as map;
    pub use crate::weir::filter::types::MapType;

    #[derive(Clone, Copy)]
    pub enum Map {
        Request,
        Response,
    }

    impl From<Map> for MapType {
        fn from(which: Map) -> MapType {
            match which {
                Map::Request => MapType::RequestHeaders,
                Map::Response => MapType::ResponseHeaders,
            }
        }
    }

    /// Leaves one value, whatever there was. False: the host refused.
    pub fn set(which: Map, name: &str, value: &[u8]) -> bool {
        map::set(which.into(), name, value).is_ok()
    }

    /// Appends a value. False: the host refused.
    pub fn add(which: Map, name: &str, value: &[u8]) -> bool {
        map::append(which.into(), name, value).is_ok()
    }

    /// Removes all values. False: the host refused.
    pub fn remove(which: Map, name: &str) -> bool {
        map::remove(which.into(), name).is_ok()
    }

    /// A header name as RFC 9110 has it: a token.
    pub fn is_name(name: &str) -> bool {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        !name.is_empty() && name.bytes().all(is_token)
    }

    /// A header value that no host has a reason to refuse: no control characters but tab.
    pub fn is_value(value: &[u8]) -> bool {
        value.iter().all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f))
    }
}
