//! The configuration of the filter.

use crate::names::Names;
use std::time::Duration;
use weir_filter::config::{self, Object};
use weir_filter::headers::is_value;
use weir_filter::values;

const KEYS: [&str; 12] = [
    "upstream",
    "path",
    "pathPrefix",
    "method",
    "authority",
    "headers",
    "timeout",
    "allowedUpstreamHeaders",
    "allowedClientHeaders",
    "failureMode",
    "statusOnError",
    "cache",
];
const CACHE_KEYS: [&str; 3] = ["ttl", "entries", "perPath"];
const HALF_A_SECOND: u64 = 500_000_000;
/// What a client has to see of a refusal, whatever the list says; as in Envoy.
const ALWAYS_TO_CLIENT: [&str; 3] = ["content-type", "location", "www-authenticate"];

/// Which path the service is asked for.
pub enum Target {
    /// Always this one.
    Path(Box<str>),
    /// That of the request, behind this.
    Prefix(Box<str>),
}

pub struct CacheSettings {
    /// Nanoseconds.
    pub ttl: u64,
    pub entries: usize,
    pub per_path: bool,
}

pub struct Settings {
    pub upstream: Box<str>,
    pub target: Target,
    pub method: Option<Box<str>>,
    pub authority: Option<Box<str>>,
    pub headers: Vec<Box<str>>,
    pub timeout: Duration,
    pub to_upstream: Names,
    pub to_client: Names,
    pub allow_on_error: bool,
    pub status_on_error: u32,
    pub cache: Option<CacheSettings>,
}

impl Settings {
    pub fn from(object: &Object) -> Result<Settings, String> {
        config::only(object, "", &KEYS)?;
        let upstream = config::text(object, "", "upstream")?
            .filter(|name| !name.is_empty())
            .ok_or("upstream: the name of the upstream with the service is needed")?;
        let mut headers = Vec::new();
        for (index, name) in config::texts(object, "", "headers")?.iter().enumerate() {
            let place = config::at("headers", &index.to_string());
            let name = config::header_name(name, &place)?;
            if Names::is_own(&name) || name.starts_with("x-forwarded-") {
                return Err(format!("{place}: {name} is the filter's own or the connection's"));
            }
            headers.push(name);
        }
        if !object.contains_key("headers") {
            headers.push("authorization".into());
        }
        let to_upstream = Names::read(object, "allowedUpstreamHeaders", "")?;
        if to_upstream.has("") {
            return Err("allowedUpstreamHeaders: a star alone would take all headers from the request".into());
        }
        let mut to_client = Names::read(object, "allowedClientHeaders", "*")?;
        to_client.also(&ALWAYS_TO_CLIENT);
        Ok(Settings {
            upstream: upstream.into(),
            target: read_target(object)?,
            method: read_method(object)?,
            authority: read_value(object, "authority")?,
            headers,
            timeout: Duration::from_nanos(values::duration(object, "", "timeout")?.unwrap_or(HALF_A_SECOND)),
            to_upstream,
            to_client,
            allow_on_error: values::choice(object, "", "failureMode", &["deny", "allow"])? == Some(1),
            status_on_error: values::within(object, "", "statusOnError", 400, 599)?.unwrap_or(403) as u32,
            cache: read_cache(object)?,
        })
    }
}

fn read_target(object: &Object) -> Result<Target, String> {
    let place = |key: &str| match config::text(object, "", key)? {
        Some(path) if !path.starts_with('/') || !path.bytes().all(|b| (b'!'..=b'~').contains(&b) && b != b'#') => {
            Err(format!("{key}: {path:?} is no path, which begins with a slash and has no spaces"))
        }
        path => Ok(path),
    };
    match (place("path")?, place("pathPrefix")?) {
        (Some(path), None) => Ok(Target::Path(path.into())),
        (None, prefix) => Ok(Target::Prefix(prefix.unwrap_or("").trim_end_matches('/').into())),
        _ => Err("path and pathPrefix: only one of them is possible".into()),
    }
}

fn read_method(object: &Object) -> Result<Option<Box<str>>, String> {
    match config::text(object, "", "method")? {
        Some(method) if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase()) => {
            Err(format!("method: {method:?} is no method, such as GET"))
        }
        Some("CONNECT") => Err("method: CONNECT is not possible".into()),
        method => Ok(method.map(Into::into)),
    }
}

fn read_value(object: &Object, key: &str) -> Result<Option<Box<str>>, String> {
    match config::text(object, "", key)? {
        Some(text) if text.is_empty() || text.contains(' ') || !is_value(text.as_bytes()) => {
            Err(format!("{key}: {text:?} is no host name"))
        }
        text => Ok(text.map(Into::into)),
    }
}

fn read_cache(object: &Object) -> Result<Option<CacheSettings>, String> {
    let Some(cache) = config::object(object, "", "cache")? else { return Ok(None) };
    config::only(cache, "cache", &CACHE_KEYS)?;
    let ttl = values::duration(cache, "cache", "ttl")?.ok_or("cache.ttl: it is needed, for example \"10s\"")?;
    Ok(Some(CacheSettings {
        ttl,
        entries: values::within(cache, "cache", "entries", 1, 100_000)?.unwrap_or(1000) as usize,
        per_path: values::flag(cache, "cache", "perPath")?.unwrap_or(true),
    }))
}
