//! Values of a configuration that are more than text: durations, choices, numbers in a range.

use crate::config::{self, Object, at};

const MILLISECOND: u64 = 1_000_000;
const UNITS: [(&str, u64); 4] =
    [("ms", MILLISECOND), ("s", 1000 * MILLISECOND), ("m", 60_000 * MILLISECOND), ("h", 3_600_000 * MILLISECOND)];
const DAY: u64 = 86_400_000 * MILLISECOND;

/// A duration such as "500ms", "1s" or "1.5h", from 1 ms to 24 hours, in nanoseconds.
pub fn duration(object: &Object, path: &str, key: &str) -> Result<Option<u64>, String> {
    let Some(text) = config::text(object, path, key)? else { return Ok(None) };
    let wrong = || {
        format!("{}: {text:?} is not a duration (1ms to 24h with the unit ms, s, m or h, such as \"10s\")", at(path, key))
    };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (_, unit) = UNITS.iter().find(|(unit, _)| *unit == &text[digits.len()..]).ok_or_else(wrong)?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    // No float: its parser alone has 20 KB.
    let plain = |part: &str, most: usize| {
        let fits = (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| part.parse::<u64>().ok()).flatten().ok_or_else(wrong)
    };
    let scale = 10_u64.pow(fraction.len().min(9) as u32);
    // Nine digits each of hours would still fit into 64 bits once divided; 128 keep it simple.
    let parts = u128::from(plain(whole, 9)?) * u128::from(*unit)
        + u128::from(plain(fraction, 9)?) * u128::from(*unit) / u128::from(scale);
    match u64::try_from(parts) {
        Ok(time) if (MILLISECOND..=DAY).contains(&time) => Ok(Some(time)),
        _ => Err(wrong()),
    }
}

/// A whole number from `least` to `most`.
pub fn within(object: &Object, path: &str, key: &str, least: u64, most: u64) -> Result<Option<u64>, String> {
    match config::number(object, path, key)? {
        Some(number) if !(least..=most).contains(&number) => {
            Err(format!("{}: {number} is not from {least} to {most}", at(path, key)))
        }
        number => Ok(number),
    }
}

/// The place of a text among `choices`.
pub fn choice(object: &Object, path: &str, key: &str, choices: &[&str]) -> Result<Option<usize>, String> {
    let Some(text) = config::text(object, path, key)? else { return Ok(None) };
    match choices.iter().position(|choice| *choice == text) {
        Some(place) => Ok(Some(place)),
        None => Err(format!("{}: {text:?} is none of {}", at(path, key), choices.join(", "))),
    }
}

pub fn flag(object: &Object, path: &str, key: &str) -> Result<Option<bool>, String> {
    match object.get(key) {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(serde_json::Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(format!("{}: true or false is needed", at(path, key))),
    }
}
