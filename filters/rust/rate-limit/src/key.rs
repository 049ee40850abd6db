//! Whose bucket a request takes a token from.

use crate::buckets::{TAG_SIZE, Tag};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::net::{IpAddr, Ipv6Addr};
use weir_filter::config::{self, Object};
use weir_filter::headers::{self, Map};
use weir_filter::properties;

const ADDRESS: &str = "source\0address";

pub enum Part {
    Address,
    Header(Box<str>),
    /// Its path, the segments separated by NUL.
    Property(Box<str>),
}

/// A text, an object or a list of these. None: everybody has the same bucket.
pub fn read(object: &Object) -> Result<Vec<Part>, String> {
    match object.get("key") {
        None | Some(Value::Null) => Ok(vec![Part::Address]),
        Some(Value::Array(parts)) => {
            parts.iter().enumerate().map(|(i, part)| read_part(part, &format!("key.{i}"))).collect()
        }
        Some(part) => Ok(vec![read_part(part, "key")?]),
    }
}

fn read_part(value: &Value, place: &str) -> Result<Part, String> {
    match value {
        Value::String(name) => match name.as_str() {
            "source.address" => Ok(Part::Address),
            "route" => Ok(Part::Property("route_name".into())),
            _ => Err(format!(
                "{place}: {name:?} is none of source.address, route, {{\"header\": …}}, {{\"property\": …}}"
            )),
        },
        Value::Object(object) => {
            config::only(object, place, &["header", "property"])?;
            match (config::text(object, place, "header")?, config::text(object, place, "property")?) {
                (Some(header), None) => {
                    Ok(Part::Header(config::header_name(header, &config::at(place, "header"))?))
                }
                (None, Some(path)) if !path.is_empty() => Ok(Part::Property(path.replace('.', "\0").into())),
                _ => Err(format!("{place}: exactly one of header and property is needed")),
            }
        }
        _ => Err(format!("{place}: a string or an object is needed")),
    }
}

/// The tag of the request's bucket, and a number that says in which value it is.
pub fn of_request(parts: &[Part]) -> (Tag, u32) {
    let mut hash = Sha256::new();
    let mut add = |kind: u8, text: &[u8]| {
        hash.update([kind]);
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    for part in parts {
        match part {
            Part::Address => add(b'a', &address()),
            Part::Property(path) => add(b'p', &properties::get(path).unwrap_or_default()),
            // To leave it out, or to send two, is no way to another bucket.
            Part::Header(name) => match headers::all(Map::Request, name).as_deref() {
                Some([value]) => add(b'h', value),
                _ => add(b'a', &address()),
            },
        }
    }
    let hash: [u8; 32] = hash.finalize().into();
    let mut tag = [0; TAG_SIZE];
    tag.copy_from_slice(&hash[..TAG_SIZE]);
    (tag, u32::from_le_bytes([hash[16], hash[17], hash[18], hash[19]]))
}

fn address() -> Vec<u8> {
    network(properties::get(ADDRESS).unwrap_or_default())
}

/// Who has one address of IPv6 has 2^64 of them: the first half counts.
fn network(endpoint: Vec<u8>) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&endpoint) else { return endpoint };
    let host = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => host,
            _ => text,
        },
    };
    match host.parse::<Ipv6Addr>().map(|address| IpAddr::V6(address).to_canonical()) {
        Ok(IpAddr::V6(address)) => address.octets()[..8].to_vec(),
        Ok(IpAddr::V4(address)) => address.to_string().into_bytes(),
        Err(_) => host.as_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn addresses_without_their_port() {
        let of = |text: &str| network(text.as_bytes().to_vec());
        assert_eq!(of("127.0.0.1:80"), b"127.0.0.1");
        assert_eq!(of("127.0.0.1"), b"127.0.0.1");
        assert_eq!(of("[::ffff:127.0.0.1]:80"), b"127.0.0.1");
        assert_eq!(of("[2001:db8::1]:80"), of("2001:db8::2"));
        assert_ne!(of("[2001:db8::1]:80"), of("[2001:db8:0:1::1]:80"));
        for text in ["", ":", "[", "[]", "[]:", "[:::]", "unix:/x", "\u{fffd}"] {
            of(text);
        }
    }
}
