//! What the configuration asks for: read once, applied to every exchange.

use proxy_wasm::types::LogLevel;
use serde_json::Value;
use weir_filter::config::{self, Object};
use weir_filter::headers::{self, Map};
use weir_filter::log;

#[derive(Default)]
pub struct Rules {
    pub request: Changes,
    pub response: Changes,
}

#[derive(Default)]
pub struct Changes {
    remove: Box<[Box<str>]>,
    set: Box<[Header]>,
    add: Box<[Header]>,
}

#[derive(Clone)]
struct Header {
    name: Box<str>,
    value: Box<str>,
}

impl Rules {
    pub fn from(object: &Object) -> Result<Rules, String> {
        if object.contains_key("header") || object.contains_key("value") {
            return Rules::from_short(object);
        }
        config::only(object, "", &["request", "response", "header", "value"])?;
        let direction = |key| match config::object(object, "", key)? {
            Some(inner) => Changes::from(inner, key),
            None => Ok(Changes::default()),
        };
        let rules = Rules { request: direction("request")?, response: direction("response")? };
        if rules.request.is_empty() && rules.response.is_empty() {
            return Err("nothing to do: neither request nor response has a header to set, add or remove".into());
        }
        Ok(rules)
    }

    /// `{"header": "x-hello", "value": "weir"}`: that header, both ways.
    fn from_short(object: &Object) -> Result<Rules, String> {
        config::only(object, "", &["header", "value"])?;
        let Some(name) = config::text(object, "", "header")? else {
            return Err("header: a header name is needed".into());
        };
        let value = match object.get("value") {
            None | Some(Value::Null) => "weir",
            Some(value) => config::header_value(value, "", "value")?,
        };
        let set = vec![Header { name: config::header_name(name, "header")?, value: value.into() }];
        let both = || Changes { set: set.clone().into(), ..Changes::default() };
        Ok(Rules { request: both(), response: both() })
    }
}

impl Changes {
    fn from(object: &Object, path: &str) -> Result<Changes, String> {
        config::only(object, path, &["set", "add", "remove"])?;
        let mut remove = Vec::new();
        for name in config::texts(object, path, "remove")? {
            remove.push(config::header_name(&name, &config::at(path, "remove"))?);
        }
        Ok(Changes {
            remove: remove.into(),
            set: read_headers(object, path, "set")?.into(),
            add: read_headers(object, path, "add")?.into(),
        })
    }

    fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }

    pub fn apply(&self, map: Map) {
        for name in &self.remove {
            headers::remove(map, name);
        }
        for Header { name, value } in &self.set {
            if !headers::set(map, name, value.as_bytes()) {
                log(LogLevel::Warn, &format!("add-header: the host refused to set {name}"));
            }
        }
        for Header { name, value } in &self.add {
            if !headers::add(map, name, value.as_bytes()) {
                log(LogLevel::Warn, &format!("add-header: the host refused to add {name}"));
            }
        }
    }
}

/// `{"name": "value"}`; `add` makes sense with several values of one name, so a value may be a list.
fn read_headers(object: &Object, path: &str, key: &str) -> Result<Vec<Header>, String> {
    let mut headers = Vec::new();
    let Some(inner) = config::object(object, path, key)? else {
        return Ok(headers);
    };
    let path = config::at(path, key);
    for (name, value) in inner {
        let lower = config::header_name(name, &path)?;
        let values = match value {
            Value::Array(values) if key == "add" => values.as_slice(),
            single => std::slice::from_ref(single),
        };
        for value in values {
            let value = config::header_value(value, &path, name)?.into();
            headers.push(Header { name: lower.clone(), value });
        }
    }
    Ok(headers)
}
