//! The configuration of the filter.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use serde_json::Value;
use weir_filter::config::{self, Object};

const KEYS: [&str; 10] = [
    "secret",
    "secretBase64",
    "iss",
    "aud",
    "leeway",
    "requireExp",
    "claimsToHeaders",
    "exemptPaths",
    "realm",
    "removeAuthorization",
];

pub struct Settings {
    /// Keyed once; cloned for every token.
    pub mac: Hmac<Sha256>,
    pub secret_is_short: bool,
    pub issuer: Option<Box<str>>,
    pub audience: Option<Box<str>>,
    pub leeway: f64,
    pub require_expiry: bool,
    pub claims_to_headers: Vec<(Box<str>, Box<str>)>,
    exempt_paths: Vec<Box<str>>,
    pub realm: Box<str>,
    pub remove_authorization: bool,
}

impl Settings {
    pub fn from(object: &Object) -> Result<Settings, String> {
        config::only(object, "", &KEYS)?;
        let secret = read_secret(object)?;
        let realm = config::text(object, "", "realm")?.unwrap_or("weir");
        if !realm.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\') {
            return Err("realm: printable ASCII without quotes and backslashes is needed".into());
        }
        let mut claims_to_headers = Vec::new();
        if let Some(map) = config::object(object, "", "claimsToHeaders")? {
            for claim in map.keys() {
                let place = config::at("claimsToHeaders", claim);
                let Some(header) = config::text(map, "claimsToHeaders", claim)? else {
                    return Err(format!("{place}: a header name is needed"));
                };
                claims_to_headers.push((claim.as_str().into(), config::header_name(header, &place)?));
            }
        }
        let exempt_paths = config::texts(object, "", "exemptPaths")?;
        if let Some(path) = exempt_paths.iter().find(|path| !path.starts_with('/')) {
            return Err(format!("exemptPaths: {path:?} does not begin with a slash"));
        }
        Ok(Settings {
            mac: Hmac::new_from_slice(&secret).map_err(|_| "secret: it cannot be used")?,
            secret_is_short: secret.len() < 32,
            issuer: config::text(object, "", "iss")?.map(Into::into),
            audience: config::text(object, "", "aud")?.map(Into::into),
            leeway: config::number(object, "", "leeway")?.unwrap_or(30) as f64,
            require_expiry: read_flag(object, "requireExp", true)?,
            claims_to_headers,
            exempt_paths,
            realm: realm.into(),
            remove_authorization: read_flag(object, "removeAuthorization", false)?,
        })
    }

    /// Whether a path needs no token. A path that the upstream may read as another one (dot segments, encoded
    /// slashes) is never exempt.
    pub fn is_exempt(&self, path: &[u8]) -> bool {
        if self.exempt_paths.is_empty() {
            return false;
        }
        let end = path.iter().position(|&b| b == b'?' || b == b'#').unwrap_or(path.len());
        let path = &path[..end];
        if is_ambiguous(path) {
            return false;
        }
        self.exempt_paths.iter().any(|exempt| match exempt.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix.as_bytes()),
            None => path == exempt.as_bytes(),
        })
    }
}

fn is_ambiguous(path: &[u8]) -> bool {
    let lower = path.to_ascii_lowercase();
    let has = |text: &[u8]| lower.windows(text.len()).any(|window| window == text);
    // "/." covers /./ and /../; %25 could hide another encoding; a semicolon begins a parameter that some ignore.
    [&b"/."[..], b"//", b"\\", b";", b"%2e", b"%2f", b"%5c", b"%25", b"%3b"].into_iter().any(has)
}

fn read_secret(object: &Object) -> Result<Vec<u8>, String> {
    let plain = config::text(object, "", "secret")?;
    let encoded = config::text(object, "", "secretBase64")?;
    let secret = match (plain, encoded) {
        (Some(plain), None) => plain.as_bytes().to_vec(),
        (None, Some(encoded)) => STANDARD.decode(encoded).map_err(|_| "secretBase64: not Base64")?,
        _ => return Err("exactly one of secret and secretBase64 is needed".into()),
    };
    if secret.is_empty() {
        return Err("secret: it is empty".into());
    }
    Ok(secret)
}

fn read_flag(object: &Object, key: &str, default: bool) -> Result<bool, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(default),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(format!("{key}: true or false is needed")),
    }
}
