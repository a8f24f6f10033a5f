//! Durations in settings: `300ms`, `2s`, `5m`.
#![deny(clippy::disallowed_methods)]

use std::time::Duration;

use hydra_contract::duration;

use crate::limits::MAX_SETTING_DURATION;

/// Reads a duration; white space in it is ignored. The error tells what to write.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let plain: String = text.split_whitespace().collect();
    duration::parse(&plain)
        .filter(|duration| !duration.is_zero() && *duration <= MAX_SETTING_DURATION)
        .ok_or_else(|| {
            format!(
                "`{text}` is not a duration: write a whole number with its unit, 300ms, 2s or 5m, up to 10m"
            )
        })
}

/// Reads a duration that may also be `0`.
pub(super) fn parse_or_zero(text: &str) -> Result<Duration, String> {
    match text.trim() {
        "0" | "0s" | "0ms" => Ok(Duration::ZERO),
        text => parse(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_left_out_may_be_zero() {
        for (text, expected) in [
            ("0", Some(0)),
            (" 0ms ", Some(0)),
            ("0s", Some(0)),
            ("10ms", Some(10)),
            ("10", None),
            ("00", None),
            ("-0s", None),
            ("", None),
        ] {
            assert_eq!(
                parse_or_zero(text).ok(),
                expected.map(Duration::from_millis),
                "{text}"
            );
        }
    }

    #[test]
    fn a_duration_has_a_number_and_a_unit() {
        for (text, expected) in [
            ("300ms", Some(300)),
            (" 2s ", Some(2000)),
            ("2 s", Some(2000)),
            ("600s", Some(600_000)),
            ("601s", None),
            ("0s", None),
            ("2", None),
            ("2m", Some(120_000)),
            ("10m", Some(600_000)),
            ("11m", None),
            ("1h", None),
            ("-2s", None),
            ("1.5s", None),
            ("s", None),
            ("99999999999999999999s", None),
            ("18446744073709551615s", None),
        ] {
            assert_eq!(parse(text).ok(), expected.map(Duration::from_millis), "{text}");
        }
    }
}
