//! Durations in settings: `300ms`, `2s`, `5m`, `1h`. A number without a unit counts as milliseconds, with a warning.
#![deny(clippy::disallowed_methods)]

use std::{fmt, time::Duration};

use hydra_contract::duration;
use serde::{
    Deserializer,
    de::{Error, Visitor},
};

/// Parses a duration; `0` needs no unit.
///
/// # Errors
/// The text is not a duration. The error says what to write.
pub fn parse(text: &str) -> Result<Duration, String> {
    match text.trim() {
        "0" => Ok(Duration::ZERO),
        plain => duration::parse(plain).ok_or_else(|| {
            format!("`{text}` is not a duration: write a whole number with its unit, 300ms, 2s, 5m or 1h")
        }),
    }
}

/// Deserializes a setting: a text such as `"2s"`, or a number of milliseconds, for which [`warnings`] has a hint.
///
/// # Errors
/// The value is neither.
pub fn setting<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(Setting)
}

struct Setting;

impl Visitor<'_> for Setting {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as \"300ms\" or \"2s\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, milliseconds: u64) -> Result<Duration, E> {
        Ok(Duration::from_millis(milliseconds))
    }

    fn visit_i64<E: Error>(self, milliseconds: i64) -> Result<Duration, E> {
        let milliseconds = u64::try_from(milliseconds)
            .map_err(|_| E::custom(format!("`{milliseconds}` is not a duration: it is negative")))?;
        self.visit_u64(milliseconds)
    }
}

/// A warning for each of these keys of a TOML table whose value is a number without a unit: the key, and how to write it.
#[must_use]
pub fn warnings(table: &toml::Table, keys: &[&str]) -> Vec<String> {
    let bare = keys.iter().filter_map(|key| match table.get(*key) {
        Some(toml::Value::Integer(0)) | None => None,
        Some(toml::Value::Integer(milliseconds)) => Some((key, milliseconds)),
        Some(_) => None,
    });
    bare.map(|(key, milliseconds)| {
        let text = written(milliseconds.unsigned_abs());
        format!("`{key} = {milliseconds}` has no unit and counts as milliseconds: write `{key} = \"{text}\"`")
    })
    .collect()
}

/// A number of milliseconds in seconds where it is whole, and otherwise in milliseconds.
fn written(milliseconds: u64) -> String {
    if milliseconds.is_multiple_of(1_000) {
        format!("{}s", milliseconds / 1_000)
    } else {
        format!("{milliseconds}ms")
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Settings {
        #[serde(deserialize_with = "setting")]
        timeout: Duration,
    }

    #[test]
    fn a_setting_is_a_text_with_a_unit_or_a_number_of_milliseconds() {
        for (value, expected) in [
            ("'300ms'", Some(300)),
            ("' 2s '", Some(2_000)),
            ("'5m'", Some(300_000)),
            ("'1h'", Some(3_600_000)),
            ("'0'", Some(0)),
            ("0", Some(0)),
            ("1500", Some(1_500)),
            ("9223372036854775807", Some(i64::MAX.unsigned_abs())),
            ("'2'", None),
            ("'2 seconds'", None),
            ("-1", None),
            ("1.5", None),
            ("true", None),
            ("[]", None),
        ] {
            let read = toml::from_str::<Settings>(&format!("timeout = {value}"));
            let read = read.map(|settings| settings.timeout).ok();
            assert_eq!(read, expected.map(Duration::from_millis), "{value}");
        }
    }

    #[test]
    fn a_number_without_a_unit_gets_a_warning_that_says_what_to_write() {
        for (value, expected) in [
            ("1000", Some("write `timeout = \"1s\"`")),
            ("1500", Some("write `timeout = \"1500ms\"`")),
            ("0", None),
            ("'1s'", None),
        ] {
            let table: toml::Table = toml::from_str(&format!("timeout = {value}\nother = 7")).expect("TOML");
            let warnings = warnings(&table, &["timeout", "missing"]);
            match expected {
                Some(text) => assert!(warnings.len() == 1 && warnings[0].ends_with(text), "{warnings:?}"),
                None => assert_eq!(warnings, [] as [&str; 0], "{value}"),
            }
        }
    }
}
