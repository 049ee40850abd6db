//! The configuration of the filter.

use crate::client_hello::ClientHello;
use weir_filter::config::{self, Object};
use weir_filter::values;

const KEYS: [&str; 4] = ["allow", "alpn", "onMissing", "maxBytes"];
const DEFAULT_BYTES: u64 = 16 * 1024;

pub struct Settings {
    names: Vec<Pattern>,
    /// Empty: any.
    protocols: Vec<Box<str>>,
    allow_missing: bool,
    pub most_bytes: usize,
}

enum Pattern {
    Any,
    Exact(Box<str>),
    /// With the dot that it begins with.
    Below(Box<str>),
}

impl Settings {
    pub fn from(object: &Object) -> Result<Settings, String> {
        config::only(object, "", &KEYS)?;
        let mut names = Vec::new();
        for (index, name) in config::texts(object, "", "allow")?.iter().enumerate() {
            names.push(read_pattern(name, &config::at("allow", &index.to_string()))?);
        }
        if names.is_empty() {
            return Err("allow: at least one name is needed, for example [\"example.com\", \"*.example.com\"]".into());
        }
        let protocols = config::texts(object, "", "alpn")?;
        if protocols.iter().any(|protocol| protocol.is_empty() || protocol.len() > 255) {
            return Err("alpn: names of protocols are needed, for example [\"h2\", \"http/1.1\"]".into());
        }
        Ok(Settings {
            names,
            protocols,
            allow_missing: values::choice(object, "", "onMissing", &["close", "allow"])? == Some(1),
            most_bytes: values::within(object, "", "maxBytes", 512, 65_536)?.unwrap_or(DEFAULT_BYTES) as usize,
        })
    }

    /// Why a connection is closed.
    pub fn check(&self, hello: &ClientHello) -> Result<(), &'static str> {
        match &hello.server_name {
            None if !self.allow_missing => return Err("no server name"),
            Some(name) if !self.names.iter().any(|pattern| pattern.fits(name)) => return Err("not an allowed name"),
            _ => {}
        }
        let known = |protocol: &Vec<u8>| self.protocols.iter().any(|known| known.as_bytes() == protocol);
        match hello.protocols.is_empty() {
            _ if self.protocols.is_empty() => Ok(()),
            true if !self.allow_missing => Err("no protocol (ALPN)"),
            false if !hello.protocols.iter().any(known) => Err("no allowed protocol (ALPN)"),
            _ => Ok(()),
        }
    }
}

impl Pattern {
    fn fits(&self, name: &str) -> bool {
        match self {
            Pattern::Any => true,
            Pattern::Exact(exact) => **exact == *name,
            Pattern::Below(parent) => name.len() > parent.len() && name.ends_with(&**parent),
        }
    }
}

fn read_pattern(text: &str, place: &str) -> Result<Pattern, String> {
    let lower = text.to_ascii_lowercase();
    let (below, name) = match lower.strip_prefix("*.") {
        Some(parent) => (true, parent),
        None if lower == "*" => return Ok(Pattern::Any),
        None => (false, &*lower),
    };
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err(format!("{place}: {text:?} is no host name, nor *. with one, nor *"));
    }
    Ok(if below { Pattern::Below(format!(".{name}").into()) } else { Pattern::Exact(name.into()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Settings, String> {
        config::parse(Some(text.into())).and_then(|object| Settings::from(&object))
    }

    fn check(text: &str, name: Option<&str>, protocols: &[&str]) -> bool {
        let protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let hello = ClientHello { server_name: name.map(Into::into), protocols };
        settings(text).is_ok_and(|settings| settings.check(&hello).is_ok())
    }

    #[test]
    fn names() {
        let text = r#"{"allow": ["Example.com", "*.example.org"]}"#;
        for name in ["example.com", "a.example.org", "a.b.example.org"] {
            assert!(check(text, Some(name), &[]), "{name}");
        }
        for name in ["a.example.com", "example.org", "xexample.org", ".example.org", "example.com.", "com"] {
            assert!(!check(text, Some(name), &[]), "{name}");
        }
        assert!(!check(text, None, &["h2"]));
        assert!(check(r#"{"allow": ["a"], "onMissing": "allow"}"#, None, &[]));
        assert!(check(r#"{"allow": ["*"]}"#, Some("any"), &[]));
        assert!(!check(r#"{"allow": ["*"]}"#, None, &[]));
    }

    #[test]
    fn protocols() {
        let text = r#"{"allow": ["*"], "alpn": ["h2"]}"#;
        assert!(check(text, Some("a"), &["http/1.1", "h2"]));
        assert!(!check(text, Some("a"), &["http/1.1"]));
        assert!(!check(text, Some("a"), &[]));
        assert!(check(r#"{"allow": ["*"], "alpn": ["h2"], "onMissing": "allow"}"#, Some("a"), &[]));
    }

    #[test]
    fn wrong_ones() {
        for text in ["{}", r#"{"allow": []}"#, r#"{"allow": ["*.*"]}"#, r#"{"allow": ["a..b"]}"#, r#"{"allow": [""]}"#] {
            assert!(settings(text).is_err(), "{text}");
        }
    }
}
