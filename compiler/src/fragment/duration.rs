//! Durations: `300ms`, `2s`, `10m`.

use crate::{parse::Attribute, problem::Code};

use super::{Reader, short, text};

const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

const HELP: &str = "write a whole number and its unit: `300ms`, `2s`, `10m` or `1h`";

/// Reads a duration, in milliseconds.
pub(super) fn read(reader: &mut Reader<'_>, attribute: &Attribute) -> Option<u64> {
    let decoded = text::fixed(reader, attribute, Code::BadDuration, HELP)?;
    let text = decoded.text.trim();
    if let Some(milliseconds) = parse(text) {
        return Some(milliseconds);
    }
    let span = decoded.span(0, decoded.text.len());
    let help = match text.parse::<u64>() {
        Ok(number) => format!("say the unit: `{number}ms` or `{number}s`"),
        Err(_) => HELP.into(),
    };
    let message = format!("`{}` is not a duration", short(text));
    reader.report(Code::BadDuration, message, span, "not a duration", help);
    None
}

fn parse(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let (_, factor) = UNITS.iter().find(|(unit, _)| *unit == &text[digits..])?;
    number.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations() {
        for (text, milliseconds) in [("300ms", Some(300)), ("2s", Some(2_000)), ("10m", Some(600_000))] {
            assert_eq!(super::parse(text), milliseconds);
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
}
