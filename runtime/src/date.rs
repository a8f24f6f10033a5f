//! Dates and times in contracts: checked texts, without calendar arithmetic.
#![deny(clippy::disallowed_methods)]

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A calendar day. In JSON and templates it is `2000-01-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// A time in the format of RFC 3339: `2000-01-31T12:00:00Z`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DateTime(String);

/// The text or the numbers are not a date or time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {wanted}")]
pub struct DateError {
    text: String,
    wanted: &'static str,
}

impl Date {
    /// The day, if it exists in the calendar. Years go from 0 to 9999.
    ///
    /// # Errors
    /// The calendar has no such day.
    pub fn new(year: u16, month: u8, day: u8) -> Result<Self, DateError> {
        let exists = year <= 9999 && day >= 1 && day <= days(year, month);
        let date = Self { year, month, day };
        if exists {
            Ok(date)
        } else {
            Err(no_date(&date.to_string()))
        }
    }

    /// The year.
    #[must_use]
    pub fn year(self) -> u16 {
        self.year
    }

    /// The month, from 1.
    #[must_use]
    pub fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, from 1.
    #[must_use]
    pub fn day(self) -> u8 {
        self.day
    }
}

impl DateTime {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How many days a month has: 0 if the month does not exist.
fn days(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

fn no_date(text: &str) -> DateError {
    error(text, "day: write it as 2000-01-31")
}

fn error(text: &str, wanted: &'static str) -> DateError {
    DateError {
        text: text.chars().take(40).collect(),
        wanted,
    }
}

/// The digits at `range`, as a number.
fn number(text: &str, range: std::ops::Range<usize>) -> Option<u16> {
    let digits = text.get(range)?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { digits.parse().ok() } else { None }
}

fn at(text: &str, index: usize, one_of: &[u8]) -> Option<()> {
    one_of.contains(text.as_bytes().get(index)?).then_some(())
}

fn read_date(text: &str) -> Option<Date> {
    at(text, 4, b"-")?;
    at(text, 7, b"-")?;
    let month = u8::try_from(number(text, 5..7)?).ok()?;
    let day = u8::try_from(number(text, 8..10)?).ok()?;
    Date::new(number(text, 0..4)?, month, day).ok()
}

fn read_time(text: &str) -> Option<()> {
    read_date(text.get(..10)?)?;
    at(text, 10, b"Tt ")?;
    at(text, 13, b":")?;
    at(text, 16, b":")?;
    let in_range = number(text, 11..13)? < 24 && number(text, 14..16)? < 60 && number(text, 17..19)? <= 60;
    let mut zone = text.get(19..)?;
    if let Some(fraction) = zone.strip_prefix('.') {
        zone = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
        if zone.len() == fraction.len() {
            return None;
        }
    }
    let zone_is_good = match zone.as_bytes() {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', _, _, b':', _, _] => number(zone, 1..3)? < 24 && number(zone, 4..6)? < 60,
        _ => false,
    };
    (in_range && zone_is_good).then_some(())
}

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let whole = text.len() == 10;
        read_date(text).filter(|_| whole).ok_or_else(|| no_date(text))
    }
}

impl FromStr for DateTime {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let wanted = "moment: write it as 2000-01-31T12:00:00Z";
        read_time(text)
            .map(|()| Self(text.to_owned()))
            .ok_or_else(|| error(text, wanted))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value that is a text in JSON.
macro_rules! as_text {
    ($($ty:ty),+) => {$(
        impl TryFrom<String> for $ty {
            type Error = DateError;

            fn try_from(text: String) -> Result<Self, DateError> {
                text.parse()
            }
        }

        impl From<$ty> for String {
            fn from(value: $ty) -> String {
                value.to_string()
            }
        }
    )+};
}

as_text!(Date, DateTime);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_the_calendar_has_are_read_and_written_alike() {
        for text in ["2000-02-29", "1999-12-31", "2024-02-29", "0000-01-01"] {
            assert_eq!(
                text.parse::<Date>().map(|date| date.to_string()).as_deref(),
                Ok(text)
            );
        }
        for text in [
            "1900-02-29",
            "2023-02-29",
            "2000-13-01",
            "2000-00-01",
            "2000-04-31",
            "2000-01-00",
            "2000-1-01",
            "+200-01-01",
            "2000-01-011",
            "2000/01/01",
            "",
            "é000-01-01",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }

    #[test]
    fn moments_are_rfc_3339() {
        for text in [
            "2000-01-31T12:00:00Z",
            "2000-01-31t23:59:60.25+02:00",
            "2000-01-31 00:00:00-11:30",
        ] {
            assert_eq!(text.parse::<DateTime>().as_ref().map(DateTime::as_str), Ok(text));
        }
        for text in [
            "2000-01-31",
            "2000-01-31T12:00Z",
            "2000-01-31T24:00:00Z",
            "2000-01-31T12:00:00",
            "2000-01-31T12:00:00.Z",
        ] {
            assert!(text.parse::<DateTime>().is_err(), "{text}");
        }
    }

    #[test]
    fn in_json_they_are_texts() {
        let date: Date = serde_json::from_str("\"2000-01-31\"").unwrap();
        assert_eq!(serde_json::to_string(&date).unwrap(), "\"2000-01-31\"");
        assert!(serde_json::from_str::<Date>("20000131").is_err());
    }
}
