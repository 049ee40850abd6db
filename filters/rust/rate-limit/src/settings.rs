//! The configuration of the filter.

use crate::buckets::{Rate, WAYS};
use crate::key::{self, Part};
use weir_filter::config::{self, Object};
use weir_filter::{properties, values};

const KEYS: [&str; 9] = ["requests", "per", "burst", "key", "status", "headers", "onError", "name", "maxKeys"];
const MOST_REQUESTS: u64 = 1_000_000_000;
const SECOND: u64 = 1_000_000_000;
const DEFAULT_KEYS: u64 = 8192;

/// Which responses say how much is left.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tell {
    Limited,
    Always,
    Never,
}

pub struct Settings {
    pub rate: Rate,
    pub key: Vec<Part>,
    pub status: u32,
    pub tell: Tell,
    pub allow_on_error: bool,
    /// Values of the shared data with this name are the same buckets.
    pub name: Box<str>,
    /// How many values there are.
    pub sets: u32,
}

impl Settings {
    pub fn from(object: &Object) -> Result<Settings, String> {
        config::only(object, "", &KEYS)?;
        let requests = values::within(object, "", "requests", 1, MOST_REQUESTS)?
            .ok_or("requests: how many may pass is needed, for example {\"requests\": 100, \"per\": \"1s\"}")?;
        let name = match config::text(object, "", "name")? {
            Some(name) => name.to_owned(),
            None => String::from_utf8(properties::get("plugin_name").unwrap_or_default()).unwrap_or_default(),
        };
        if name.len() > 128 {
            return Err("name: more than 128 bytes".into());
        }
        let keys = values::within(object, "", "maxKeys", WAYS as u64, 1 << 20)?.unwrap_or(DEFAULT_KEYS);
        Ok(Settings {
            rate: Rate {
                requests,
                per: values::duration(object, "", "per")?.unwrap_or(SECOND),
                burst: values::within(object, "", "burst", 1, MOST_REQUESTS)?.unwrap_or(requests),
            },
            key: key::read(object)?,
            status: values::within(object, "", "status", 400, 599)?.unwrap_or(429) as u32,
            tell: match values::choice(object, "", "headers", &["limited", "always", "never"])? {
                Some(1) => Tell::Always,
                Some(2) => Tell::Never,
                _ => Tell::Limited,
            },
            allow_on_error: values::choice(object, "", "onError", &["allow", "deny"])? != Some(1),
            name: name.into(),
            sets: keys.div_ceil(WAYS as u64) as u32,
        })
    }
}
