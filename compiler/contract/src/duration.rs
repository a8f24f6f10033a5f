//! Durations as people write them, in templates and in settings: `300ms`, `2s`, `5m`, `1h`.

use std::time::Duration;

/// The units, each with its milliseconds.
pub const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Parses a whole number with its unit. `None`: the text is not a duration, or the duration has more milliseconds than a `u64` holds.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let (_, factor) = UNITS.iter().find(|(unit, _)| *unit == &text[digits..])?;
    number.checked_mul(*factor).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_whole_number_with_its_unit() {
        for (text, expected) in [
            ("0s", Some(0)),
            ("300ms", Some(300)),
            ("2s", Some(2_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("18446744073709551615ms", Some(u64::MAX)),
            ("", None),
            ("2", None),
            ("s", None),
            ("2 s", None),
            ("2S", None),
            ("-2s", None),
            ("1.5s", None),
            ("2d", None),
            ("18446744073709551615s", None),
            ("99999999999999999999ms", None),
        ] {
            assert_eq!(parse(text), expected.map(Duration::from_millis), "{text}");
        }
    }
}
