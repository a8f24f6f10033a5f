//! Durations: `300ms`, `2s`, `10m`.

use hydra_contract::duration::{UNITS, parse};

use crate::{parse::TagAttribute, problem::Code};

use super::{TagReader, short, text};

const HELP: &str = "write a whole number and its unit: `300ms`, `2s`, `10m` or `1h`";

/// Reads a duration, in milliseconds.
pub(super) fn read(reader: &mut TagReader<'_>, attribute: &TagAttribute) -> Option<u64> {
    let decoded = text::fixed(reader, attribute, Code::BadDuration, HELP)?;
    let text = decoded.text.trim();
    if let Some(milliseconds) = parse(text).and_then(|duration| u64::try_from(duration.as_millis()).ok()) {
        return Some(milliseconds);
    }
    let span = decoded.span(0, decoded.text.len());
    let help = match (text.parse::<u64>(), meant(text)) {
        (Ok(number), _) => format!("say the unit: `{number}ms` or `{number}s`"),
        (_, Some(meant)) => format!("write `{meant}`"),
        _ => HELP.into(),
    };
    let message = format!("`{}` is not a duration", short(text));
    reader.report(Code::BadDuration, message, span, "not a duration", help);
    None
}

/// The duration that was meant by another spelling of the unit, or by a fraction: `2 seconds` is `2s`, `1.5s` is `1500ms`.
fn meant(text: &str) -> Option<String> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = (&text[..end], text[end..].trim().to_ascii_lowercase());
    let unit = match unit.as_str() {
        "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        _ => return None,
    };
    if !number.contains('.') {
        let meant = format!("{number}{unit}");
        return parse(&meant).map(|_| meant);
    }
    let (_, factor) = UNITS.iter().find(|(known, _)| *known == unit)?;
    // So many milliseconds have no fraction that matters, and are few enough for a float to count.
    let milliseconds = (number.parse::<f64>().ok()? * *factor as f64).round();
    (1.0..1e12)
        .contains(&milliseconds)
        .then(|| format!("{milliseconds}ms"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn durations() {
        for (text, milliseconds) in [("300ms", Some(300)), ("2s", Some(2_000)), ("10m", Some(600_000))] {
            assert_eq!(super::parse(text), milliseconds.map(Duration::from_millis));
        }
        for text in [
            "",
            "s",
            "2",
            "2 s",
            "-2s",
            "2.5s",
            "99999999999999999999s",
            "9999999999999999999h",
            "2S",
        ] {
            assert_eq!(super::parse(text), None, "{text}");
        }
    }

    #[test]
    fn other_spellings_have_one_that_was_meant() {
        for (text, expected) in [
            ("2 s", Some("2s")),
            ("2S", Some("2s")),
            ("2 seconds", Some("2s")),
            ("10min", Some("10m")),
            ("1 hour", Some("1h")),
            ("250 millis", Some("250ms")),
            ("1.5s", Some("1500ms")),
            ("0.5 h", Some("1800000ms")),
            ("0.0001s", None),
            ("1.2.3s", None),
            ("soon", None),
            ("s", None),
            ("2 days", None),
            ("99999999999999999999 s", None),
        ] {
            assert_eq!(super::meant(text).as_deref(), expected, "{text}");
        }
    }
}
