//! The question to the service, and its answer.

use crate::names::Names;
use crate::settings::{Settings, Target};
use sha2::{Digest, Sha256};
use weir_filter::buffers::{self, Buffer};
use weir_filter::headers::{self, Map, Pair};
use weir_filter::properties;

/// Of everything that the service is told.
pub type Key = [u8; 32];

const MOST_BODY: usize = 1 << 20;

/// What a service decided.
#[derive(Clone)]
pub struct Decision {
    pub status: u32,
    /// For the upstream when it is 200, else for the client.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// A header of the question, and whether another path or method makes another value of it.
struct Field {
    name: Box<str>,
    value: Vec<u8>,
    of_path: bool,
}

pub struct Question {
    fields: Vec<Field>,
}

impl Question {
    /// None: the request can't be read.
    pub fn of_request(settings: &Settings) -> Option<Question> {
        let request = headers::pairs(Map::Request)?;
        let first = |name: &str| request.iter().find(|(key, _)| key == name.as_bytes()).map(|(_, value)| &value[..]);
        let (method, path) = (first(":method")?, first(":path")?);
        let authority = first(":authority").unwrap_or_default();
        let scheme = first(":scheme").unwrap_or(b"http");
        let target = match &settings.target {
            Target::Path(path) => path.as_bytes().to_vec(),
            // The asterisk of OPTIONS, or an absolute URI: no path to put something before.
            Target::Prefix(prefix) if !path.starts_with(b"/") => [prefix.as_bytes(), b"/"].concat(),
            Target::Prefix(prefix) => [prefix.as_bytes(), path].concat(),
        };
        let asked = settings.method.as_deref().map_or(method, str::as_bytes);
        let host = settings.authority.as_deref().map_or(authority, str::as_bytes);
        let mut fields = Vec::new();
        let mut add = |name: &str, value: &[u8], of_path: bool| {
            fields.push(Field { name: name.into(), value: value.to_vec(), of_path });
        };
        // CONNECT has no path, and what stands for one would open a tunnel to the service.
        add(":method", if asked == b"CONNECT" { b"GET" } else { asked }, true);
        add(":path", &target, true);
        add(":authority", host, false);
        add(":scheme", b"http", false);
        for name in &settings.headers {
            for (key, value) in &request {
                if key.eq_ignore_ascii_case(name.as_bytes()) {
                    add(name, value, false);
                }
            }
        }
        add("x-forwarded-method", method, true);
        add("x-forwarded-uri", path, true);
        add("x-forwarded-host", authority, false);
        add("x-forwarded-proto", first("x-forwarded-proto").unwrap_or(scheme), false);
        add("x-forwarded-for", &forwarded_for(&request), false);
        Some(Question { fields })
    }

    pub fn headers(&self) -> Vec<(&str, &[u8])> {
        self.fields.iter().map(|field| (&*field.name, &*field.value)).collect()
    }

    pub fn key(&self, per_path: bool) -> Key {
        let mut hash = Sha256::new();
        for field in self.fields.iter().filter(|field| per_path || !field.of_path) {
            for text in [field.name.as_bytes(), &field.value] {
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text);
            }
        }
        hash.finalize().into()
    }
}

/// As the proxy has put it together; where it does not, the client's address.
fn forwarded_for(request: &[Pair]) -> Vec<u8> {
    let fields = request.iter().filter(|(key, _)| key == b"x-forwarded-for").map(|(_, value)| &value[..]);
    match fields.collect::<Vec<_>>().join(&b", "[..]) {
        none if none.is_empty() => address(&properties::get("source\0address").unwrap_or_default()).to_vec(),
        all => all,
    }
}

/// Without port and brackets.
fn address(endpoint: &[u8]) -> &[u8] {
    let port = endpoint.iter().rposition(|&b| b == b':').unwrap_or(endpoint.len());
    let host = &endpoint[..port];
    host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host)
}

/// The answer that has just come. None: there is none (no connection, timeout), or a 5xx.
pub fn answer(settings: &Settings, body_size: usize) -> Option<Decision> {
    let answer = headers::pairs(Map::CallResponse)?;
    let status: u32 =
        answer.iter().find(|(name, _)| name == b":status").and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok())?;
    if !(200..500).contains(&status) {
        return None;
    }
    let names: &Names = if status == 200 { &settings.to_upstream } else { &settings.to_client };
    let wanted = answer.into_iter().filter_map(|(name, value)| {
        let name = String::from_utf8(name).ok()?.to_ascii_lowercase();
        names.has(&name).then_some((name, value))
    });
    let body = match body_size.min(MOST_BODY) {
        size if status == 200 || size == 0 => Vec::new(),
        size => buffers::get(Buffer::CallResponse, size).unwrap_or_default(),
    };
    Some(Decision { status, headers: wanted.collect(), body })
}

/// Whether the answer that has just come may be used again: a redirect or a cookie is for one request, and the service
/// can say no.
pub fn may_be_kept(decision: &Decision) -> bool {
    let says_no = |value: &Vec<u8>| value.to_ascii_lowercase().windows(8).any(|word| word == b"no-store");
    matches!(decision.status, 200 | 401 | 403)
        && headers::get(Map::CallResponse, "set-cookie").is_none()
        && !headers::all(Map::CallResponse, "cache-control").unwrap_or_default().iter().any(says_no)
}
