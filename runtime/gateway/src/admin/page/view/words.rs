//! Numbers and states in words.
#![deny(clippy::disallowed_methods)]

use std::time::Duration;

use serde::Serialize;

use crate::{flows::Bound, limits::MAX_NAMES_IN_CELL};

/// A state: its colour and its words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Mark {
    /// `good`, `warn`, `bad` or `idle`.
    pub(super) kind: &'static str,
    pub(super) text: String,
}

impl Mark {
    pub(super) fn new(kind: &'static str, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}

/// Names, and how many more there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Names {
    names: Vec<String>,
    more: usize,
}

impl Names {
    pub(super) fn of(all: impl IntoIterator<Item = String>) -> Self {
        let mut all = all.into_iter();
        Self {
            names: all.by_ref().take(MAX_NAMES_IN_CELL).collect(),
            more: all.count(),
        }
    }
}

/// A part of a sentence: plain words, or a name that stood in backticks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Part {
    text: String,
    is_name: bool,
}

/// A sentence with names in backticks. One with a single backtick somewhere stays as it is.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let part = |is_name: bool, text: &str| Part {
        text: text.to_owned(),
        is_name,
    };
    if text.matches('`').count() % 2 == 1 {
        return vec![part(false, text)];
    }
    let parts = text.split('`').enumerate();
    parts
        .filter(|(_, text)| !text.is_empty())
        .map(|(at, text)| part(at % 2 == 1, text))
        .collect()
}

/// A part of a whole as percent: `10 %`, `0.5 %`.
pub(in crate::admin::page) fn percent(part: f64) -> String {
    let percent = part * 100.0;
    match percent {
        0.0 => "0 %".to_owned(),
        small if small < 0.1 => "< 0.1 %".to_owned(),
        part if part < 10.0 && (part - part.round()).abs() > 0.05 => format!("{part:.1} %"),
        almost if almost > 99.9 && almost < 100.0 => "> 99.9 %".to_owned(),
        part => format!("{part:.0} %"),
    }
}

/// A count with marks between thousands: `12,345`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut text = digits[..first].to_owned();
    for at in (first..digits.len()).step_by(3) {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&digits[at..at + 3]);
    }
    text
}

/// How many a second: `0.4`, `12.5`, `1,204`.
pub(super) fn rate(count_: u64, window: Duration) -> String {
    match per_second(count_, window) {
        0.0 => "0".to_owned(),
        small if small < 0.1 => "< 0.1".to_owned(),
        rate if rate < 100.0 => format!("{rate:.1}"),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is a whole positive number"
        )]
        rate => count(rate.round() as u64),
    }
}

/// How many a second. A window of less than a second counts as one.
#[expect(clippy::cast_precision_loss, reason = "it is shown with few digits")]
pub(super) fn per_second(count: u64, window: Duration) -> f64 {
    count as f64 / window.as_secs_f64().max(1.0)
}

/// How long something has lasted: `12 s`, `3 min`, `5 h`, `2 d`.
pub(super) fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds if seconds < 7_200 => format!("{} min", seconds / 60),
        seconds if seconds < 172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// A number of bytes: `840 B`, `12 KB`, `3 MB`.
pub(super) fn bytes(bytes: u64) -> String {
    match bytes {
        _ if bytes < 10_000 => format!("{} B", count(bytes)),
        _ if bytes < 10_000_000 => format!("{} KB", count(bytes / 1_000)),
        _ => format!("{} MB", count(bytes / 1_000_000)),
    }
}

/// A time: `0.1 ms`, `23 ms`, `1.2 s`.
pub(super) fn time(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1_000.0;
    match millis {
        small if small < 0.05 => "< 0.1 ms".to_owned(),
        one if one < 9.95 => format!("{} ms", without_zero(&format!("{one:.1}"))),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms => format!("{} s", without_zero(&format!("{:.1}", ms / 1_000.0))),
    }
}

fn without_zero(text: &str) -> &str {
    text.strip_suffix(".0").unwrap_or(text)
}

/// A time that is known by its bound: `≤ 5 ms`, `> 5 s`.
pub(super) fn bound(bound: Bound) -> String {
    match bound {
        Bound::AtMost(most) => format!("≤ {}", time(most)),
        Bound::Over(least) => format!("> {}", time(least)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_bytes_are_short() {
        for (seconds, expected) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (172_800, "2 d"),
        ] {
            assert_eq!(age(Duration::from_secs(seconds)), expected);
        }
        for (number, expected) in [
            (0, "0 B"),
            (9_999, "9,999 B"),
            (10_000, "10 KB"),
            (9_999_999, "9,999 KB"),
            (10_000_000, "10 MB"),
        ] {
            assert_eq!(bytes(number), expected);
        }
    }

    #[test]
    fn numbers_are_short_and_never_wrong() {
        for (part, expected) in [
            (0.0, "0 %"),
            (0.000_5, "< 0.1 %"),
            (0.005, "0.5 %"),
            (0.1, "10 %"),
            (0.333_333, "33 %"),
            (0.03, "3 %"),
            (0.999_95, "> 99.9 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(percent(part), expected, "{part}");
        }
        for (number, expected) in [
            (0, "0"),
            (7, "7"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(number), expected);
        }
        for (number, seconds, expected) in [
            (0, 15, "0"),
            (1, 15, "< 0.1"),
            (3, 15, "0.2"),
            (30, 15, "2.0"),
            (1_499, 15, "99.9"),
            (30_000, 15, "2,000"),
            (5, 0, "5.0"),
        ] {
            assert_eq!(
                rate(number, Duration::from_secs(seconds)),
                expected,
                "{number} in {seconds}"
            );
        }
        for (micros, expected) in [
            (0, "< 0.1 ms"),
            (100, "0.1 ms"),
            (1_000, "1 ms"),
            (3_140, "3.1 ms"),
            (23_400, "23 ms"),
            (1_000_000, "1 s"),
            (1_240_000, "1.2 s"),
        ] {
            assert_eq!(time(Duration::from_micros(micros)), expected, "{micros}");
        }
        assert_eq!(bound(Bound::Over(Duration::from_secs(5))), "> 5 s");
    }

    #[test]
    fn names_in_sentences_are_told_apart() {
        let shown = |text: &str| {
            let mark = |part: &Part| match part.is_name {
                true => format!("[{}]", part.text),
                false => part.text.clone(),
            };
            parts(text).iter().map(mark).collect::<String>()
        };
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("the service `shop` holds it", "the service [shop] holds it"),
            ("`a` and `b`", "[a] and [b]"),
            ("a ` b", "a ` b"),
            ("``", ""),
            ("`<b>`", "[<b>]"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn long_lists_of_names_are_cut() {
        let names = Names::of((0..20).map(|number| number.to_string()));
        assert_eq!(
            (names.names.len(), names.more),
            (MAX_NAMES_IN_CELL, 20 - MAX_NAMES_IN_CELL)
        );
        assert_eq!(Names::of([]), Names::default());
    }
}
