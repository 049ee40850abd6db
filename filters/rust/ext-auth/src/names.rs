//! Sets of header names.

use weir_filter::config::{self, Object};

/// What belongs to one connection or one message, and is never copied to another.
const OWN: [&str; 11] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

#[derive(Default)]
pub struct Names {
    exact: Vec<Box<str>>,
    prefixes: Vec<Box<str>>,
}

impl Names {
    /// A list of names, a star at the end standing for anything. `default`: one of these, when there is no list.
    pub fn read(object: &Object, key: &str, default: &str) -> Result<Names, String> {
        let mut names = Names::default();
        let list = match object.contains_key(key) {
            true => config::texts(object, "", key)?,
            false if default.is_empty() => Vec::new(),
            false => vec![default.into()],
        };
        for (index, name) in list.iter().enumerate() {
            let place = config::at(key, &index.to_string());
            match name.strip_suffix('*') {
                Some("") => names.prefixes.push("".into()),
                Some(prefix) => names.prefixes.push(config::header_name(prefix, &place)?),
                None => names.exact.push(config::header_name(name, &place)?),
            }
        }
        match names.exact.iter().find(|name| Names::is_own(name)) {
            Some(name) => Err(format!("{key}: {name} belongs to the message it came with")),
            None => Ok(names),
        }
    }

    pub fn also(&mut self, names: &[&str]) {
        self.exact.extend(names.iter().map(|&name| name.into()));
    }

    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.prefixes.is_empty()
    }

    /// `name` is in lower case.
    pub fn has(&self, name: &str) -> bool {
        !name.starts_with(':')
            && !Names::is_own(name)
            && (self.exact.iter().any(|exact| **exact == *name)
                || self.prefixes.iter().any(|prefix| name.starts_with(&**prefix)))
    }

    pub fn is_own(name: &str) -> bool {
        OWN.contains(&name)
    }
}
