//! Checks one token.

use crate::settings::Settings;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use serde_json::Value;
use weir_filter::config::Object;

/// Longer ones are not looked at.
const MAX_SIZE: usize = 16 * 1024;

/// Why a request does not pass. The texts go into a header and into JSON: no quotes, no backslashes.
pub enum Problem {
    /// The request does not carry one token.
    Request(&'static str),
    Invalid(&'static str),
}

use Problem::{Invalid, Request};

/// The claims of the token in the Authorization header; `authorization` is all of its values.
pub fn check(settings: &Settings, authorization: &[Vec<u8>], now: Option<f64>) -> Result<Object, Problem> {
    let token = bearer(authorization)?;
    if token.len() > MAX_SIZE {
        return Err(Invalid("the token is too long"));
    }
    let (signed, signature) = split_last(token).ok_or(Invalid("the token does not have three parts"))?;
    let (header, payload) = split_last(signed).ok_or(Invalid("the token does not have three parts"))?;

    // The signature comes first: nothing but the algorithm is believed before.
    let header = json(header).ok_or(Invalid("the header of the token is not JSON"))?;
    if header.get("alg").and_then(Value::as_str) != Some("HS256") {
        return Err(Invalid("the algorithm of the token is not HS256"));
    }
    if header.contains_key("crit") {
        return Err(Invalid("the token asks for an extension that is not known here"));
    }
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| Invalid("the signature of the token is not Base64url"))?;
    let mut mac = settings.mac.clone();
    mac.update(signed);
    // In constant time.
    mac.verify_slice(&signature).map_err(|_| Invalid("the signature of the token is wrong"))?;

    let claims = json(payload).ok_or(Invalid("the token holds no JSON object"))?;
    check_time(settings, &claims, now.ok_or(Invalid("the time is not known"))?)?;
    if settings.issuer.is_some() && claims.get("iss").and_then(Value::as_str) != settings.issuer.as_deref() {
        return Err(Invalid("the token comes from another issuer"));
    }
    if let Some(audience) = &settings.audience {
        let wanted = |value: &Value| value.as_str() == Some(&**audience);
        let fits = match claims.get("aud") {
            Some(Value::Array(all)) => all.iter().any(wanted),
            Some(one) => wanted(one),
            None => false,
        };
        if !fits {
            return Err(Invalid("the token is for another audience"));
        }
    }
    Ok(claims)
}

fn check_time(settings: &Settings, claims: &Object, now: f64) -> Result<(), Problem> {
    match claims.get("exp").map(Value::as_f64) {
        Some(Some(expiry)) if now >= expiry + settings.leeway => return Err(Invalid("the token has expired")),
        Some(Some(_)) => {}
        Some(None) => return Err(Invalid("the expiry of the token is not a number")),
        None if settings.require_expiry => return Err(Invalid("the token has no expiry")),
        None => {}
    }
    match claims.get("nbf").map(Value::as_f64) {
        Some(Some(start)) if now + settings.leeway < start => Err(Invalid("the token is not valid yet")),
        Some(None) => Err(Invalid("the start of the token is not a number")),
        _ => Ok(()),
    }
}

fn bearer(authorization: &[Vec<u8>]) -> Result<&[u8], Problem> {
    const NONE: Problem = Request("a bearer token is needed");
    let value = match authorization {
        [] => return Err(NONE),
        [value] => value.trim_ascii(),
        // The upstream would get them all, and may believe one that nobody checked.
        _ => return Err(Request("there is more than one Authorization field")),
    };
    let scheme_end = value.iter().position(|&b| b == b' ').ok_or(NONE)?;
    if !value[..scheme_end].eq_ignore_ascii_case(b"bearer") {
        return Err(NONE);
    }
    Ok(value[scheme_end..].trim_ascii())
}

fn split_last(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = text.iter().rposition(|&b| b == b'.')?;
    Some((&text[..dot], &text[dot + 1..]))
}

fn json(encoded: &[u8]) -> Option<Object> {
    let text = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    serde_json::from_slice(&text).ok()
}
