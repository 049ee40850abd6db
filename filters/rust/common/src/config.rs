//! Reading a filter's JSON configuration, with errors that say where and what.

use crate::headers::{is_name, is_value};
use serde_json::{Map, Value};

pub type Object = Map<String, Value>;

/// The plugin configuration as a JSON object.
pub fn parse(bytes: Option<Vec<u8>>) -> Result<Object, String> {
    let bytes = bytes.unwrap_or_default();
    if bytes.is_empty() {
        return Err("there is none; a JSON object is needed".into());
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(format!("a JSON object is needed, not {}", kind(&other))),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

/// Refuses keys that nothing reads: a typing mistake must not pass in silence.
pub fn only(object: &Object, path: &str, known: &[&str]) -> Result<(), String> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("{}: unknown key; known are {}", at(path, key), known.join(", "))),
        None => Ok(()),
    }
}

pub fn object<'a>(object: &'a Object, path: &str, key: &str) -> Result<Option<&'a Object>, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(inner)) => Ok(Some(inner)),
        Some(other) => Err(wrong(path, key, "an object", other)),
    }
}

pub fn array<'a>(object: &'a Object, path: &str, key: &str) -> Result<&'a [Value], String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(other) => Err(wrong(path, key, "an array", other)),
    }
}

pub fn text<'a>(object: &'a Object, path: &str, key: &str) -> Result<Option<&'a str>, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(wrong(path, key, "a string", other)),
    }
}

pub fn number(object: &Object, path: &str, key: &str) -> Result<Option<u64>, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(number) => Ok(Some(number)),
            None => Err(wrong(path, key, "a whole number, not negative", value)),
        },
    }
}

/// A list of strings.
pub fn texts(object: &Object, path: &str, key: &str) -> Result<Vec<Box<str>>, String> {
    let mut found = Vec::new();
    for (index, item) in array(object, path, key)?.iter().enumerate() {
        match item {
            Value::String(text) => found.push(text.as_str().into()),
            other => return Err(wrong(&at(path, key), &index.to_string(), "a string", other)),
        }
    }
    Ok(found)
}

/// A header name in lower case. `place` is where it stands in the configuration.
pub fn header_name(name: &str, place: &str) -> Result<Box<str>, String> {
    if is_name(name) {
        Ok(name.to_ascii_lowercase().into())
    } else {
        Err(format!("{place}: {name:?} is not a header name"))
    }
}

pub fn header_value<'a>(value: &'a Value, path: &str, key: &str) -> Result<&'a str, String> {
    match value {
        Value::String(text) if is_value(text.as_bytes()) => Ok(text),
        Value::String(_) => Err(format!("{}: control characters in a header value", at(path, key))),
        other => Err(wrong(path, key, "a string", other)),
    }
}

pub fn at(path: &str, key: &str) -> String {
    if path.is_empty() { key.into() } else { format!("{path}.{key}") }
}

fn wrong(path: &str, key: &str, wanted: &str, found: &Value) -> String {
    format!("{}: {wanted} is needed, not {}", at(path, key), kind(found))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
