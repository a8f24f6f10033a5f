//! The settings of observation.
#![deny(clippy::disallowed_methods)]

use std::{fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error as _};

/// Where the access log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccessLogTarget {
    /// Nowhere.
    #[default]
    Off,
    /// To standard output, as text.
    Text,
    /// To standard output, as one JSON object a line.
    Json,
    /// To a file, as JSON where its name ends in `.json` or `.jsonl`, and as text otherwise.
    File(PathBuf),
}

impl FromStr for AccessLogTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            // A word that is not one of these is a mistake rather than a file.
            path if path.contains(['/', '.']) && !path.contains('\0') => Ok(Self::File(path.into())),
            other => Err(format!(
                "`{other}` is not a target of the access log: write \"off\", \"text\", \"json\", or a path such as \
                 \"/var/log/hydra/access.log\""
            )),
        }
    }
}

impl<'de> Deserialize<'de> for AccessLogTarget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// Where spans go, over OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Otlp<'c> {
    /// The address of the collector, `http://host:port`.
    pub endpoint: &'c str,
    /// The name of this process's service there.
    pub service: &'c str,
}

/// A share from 0 to 1, in millionths.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Share(u32);

impl Share {
    /// All.
    pub const ALL: Self = Self(Self::WHOLE);
    const WHOLE: u32 = 1_000_000;

    /// Whether a random number belongs to the share.
    #[must_use]
    pub fn holds(self, random: u64) -> bool {
        random % u64::from(Self::WHOLE) < u64::from(self.0)
    }

    fn of(number: f64) -> Option<Self> {
        let good = (0.0..=1.0).contains(&number);
        // The product is between 0 and a million.
        good.then(|| Self((number * f64::from(Self::WHOLE)).round() as u32))
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share = text.trim().parse().ok().and_then(Self::of);
        share.ok_or_else(|| format!("`{text}` is not a share: write a number from 0 to 1, such as 0.1"))
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        let wrong = || {
            D::Error::custom(format!(
                "{number} is not a share: write a number from 0 to 1, such as 0.1"
            ))
        };
        Self::of(number).ok_or_else(wrong)
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (f64::from(self.0) / f64::from(Self::WHOLE)).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_of_the_log_is_a_word_or_a_path() {
        for (text, expected) in [
            ("off", Some(AccessLogTarget::Off)),
            ("text", Some(AccessLogTarget::Text)),
            ("json", Some(AccessLogTarget::Json)),
            ("./json", Some(AccessLogTarget::File("./json".into()))),
            ("access.log", Some(AccessLogTarget::File("access.log".into()))),
            ("/var/log/x", Some(AccessLogTarget::File("/var/log/x".into()))),
            ("", None),
            ("Json", None),
            ("stdout", None),
            ("a/\0", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_share_is_a_number_from_0_to_1() {
        for (text, expected) in [
            ("0", Some(Share(0))),
            ("1", Some(Share::ALL)),
            ("0.1", Some(Share(100_000))),
            ("1.0", Some(Share::ALL)),
            ("1.1", None),
            ("-0.1", None),
            ("NaN", None),
            ("inf", None),
            ("10%", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
        let numbers = || (0..1_000_000).map(|number| number * 7_919);
        for share in [0, 100_000, 1_000_000] {
            assert_eq!(
                numbers().filter(|number| Share(share).holds(*number)).count(),
                share as usize
            );
        }
    }
}
