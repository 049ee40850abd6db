//! What the configuration asks for, and the rewriting itself.

use regex::bytes::{Regex, RegexBuilder};
use serde_json::Value;
use weir_filter::body::Body;
use weir_filter::config::{self, Object};

/// What a compiled pattern may take, and what its matcher may take besides.
const PATTERN_BYTES: usize = 1 << 20;

#[derive(Default)]
pub struct Rules {
    pub request: Vec<Rule>,
    pub response: Vec<Rule>,
    content_types: Vec<Box<str>>,
    pub max_body_bytes: usize,
    pub keep_accept_encoding: bool,
}

pub struct Rule {
    pattern: Regex,
    replacement: Box<str>,
    /// No `$` in the replacement: no groups to look for.
    literal: bool,
}

/// The body is larger than allowed, or became so.
pub struct TooLarge;

impl Rules {
    pub fn from(object: &Object) -> Result<Rules, String> {
        config::only(object, "", &["request", "response", "contentTypes", "maxBodyBytes", "keepAcceptEncoding"])?;
        let content_types = match object.get("contentTypes") {
            None | Some(Value::Null) => vec!["text/".into(), "application/json".into()],
            Some(_) => config::texts(object, "", "contentTypes")?
                .iter()
                .map(|kind| kind.to_ascii_lowercase().into())
                .collect(),
        };
        let keep_accept_encoding = match object.get("keepAcceptEncoding") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(keep)) => *keep,
            Some(_) => return Err("keepAcceptEncoding: true or false is needed".into()),
        };
        let max_body_bytes = config::number(object, "", "maxBodyBytes")?.unwrap_or(2 << 20);
        let rules = Rules {
            request: read_rules(object, "request")?,
            response: read_rules(object, "response")?,
            content_types,
            max_body_bytes: max_body_bytes.min(1 << 30) as usize,
            keep_accept_encoding,
        };
        if rules.request.is_empty() && rules.response.is_empty() {
            return Err("nothing to do: neither request nor response has a pattern".into());
        }
        Ok(rules)
    }

    /// Whether bodies of this content type are rewritten.
    pub fn takes(&self, content_type: &[u8]) -> bool {
        let content_type = content_type.trim_ascii();
        self.content_types.iter().any(|prefix| {
            content_type.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        })
    }

    /// The new body; None when nothing matched.
    pub fn apply(&self, body: Body, bytes: &[u8]) -> Result<Option<Vec<u8>>, TooLarge> {
        let rules = if body == Body::Request { &self.request } else { &self.response };
        let mut current: Option<Vec<u8>> = None;
        for rule in rules {
            if let Some(next) = rule.apply(current.as_deref().unwrap_or(bytes), self.max_body_bytes)? {
                current = Some(next);
            }
        }
        Ok(current)
    }
}

impl Rule {
    /// Runs the pattern once, so that the first body does not pay for building its tables (and, in the host, for
    /// compiling the code that runs it): a callback has less time than a start.
    fn warm_up(&self) {
        let mut sample: Vec<u8> = (b' '..=b'~').cycle().take(2048).collect();
        sample.extend_from_slice(self.pattern.as_str().as_bytes());
        let _ = self.pattern.captures(&sample);
        let _ = self.apply(&sample, sample.len());
    }

    fn apply(&self, bytes: &[u8], most: usize) -> Result<Option<Vec<u8>>, TooLarge> {
        let mut new = Vec::new();
        let mut copied = 0;
        let mut matched = false;
        let mut put = |start: usize, end: usize, expand: &dyn Fn(&mut Vec<u8>)| {
            if !matched {
                new.reserve(bytes.len());
                matched = true;
            }
            new.extend_from_slice(&bytes[copied..start]);
            expand(&mut new);
            copied = end;
            if new.len() > most { Err(TooLarge) } else { Ok(()) }
        };
        if self.literal {
            for found in self.pattern.find_iter(bytes) {
                put(found.start(), found.end(), &|new| new.extend_from_slice(self.replacement.as_bytes()))?;
            }
        } else {
            for groups in self.pattern.captures_iter(bytes) {
                let Some(found) = groups.get(0) else { continue };
                put(found.start(), found.end(), &|new| groups.expand(self.replacement.as_bytes(), new))?;
            }
        }
        if !matched {
            return Ok(None);
        }
        new.extend_from_slice(&bytes[copied..]);
        if new.len() > most { Err(TooLarge) } else { Ok(Some(new)) }
    }
}

fn read_rules(object: &Object, key: &str) -> Result<Vec<Rule>, String> {
    let mut rules = Vec::new();
    for (index, item) in config::array(object, "", key)?.iter().enumerate() {
        let path = format!("{key}.{index}");
        let Value::Object(item) = item else {
            return Err(format!("{path}: an object with pattern and replacement is needed"));
        };
        config::only(item, &path, &["pattern", "replacement"])?;
        let Some(pattern) = config::text(item, &path, "pattern")? else {
            return Err(format!("{path}.pattern: a regular expression is needed"));
        };
        let replacement = config::text(item, &path, "replacement")?.unwrap_or("");
        let pattern = RegexBuilder::new(pattern)
            .size_limit(PATTERN_BYTES)
            .dfa_size_limit(PATTERN_BYTES)
            .build()
            .map_err(|error| format!("{path}.pattern: {error}"))?;
        let rule = Rule { pattern, literal: !replacement.contains('$'), replacement: replacement.into() };
        rule.warm_up();
        rules.push(rule);
    }
    Ok(rules)
}
