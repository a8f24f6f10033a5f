//! Moments, as one gateway counts them, and as all gateways do.
#![deny(clippy::disallowed_methods)]

use serde::{Deserialize, Serialize};

/// A moment, in milliseconds since the gateway started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Millis(pub(crate) u64);

/// A moment that all gateways understand, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct UnixMillis(pub(crate) i64);

impl UnixMillis {
    /// The moment so much later.
    pub(crate) fn after_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add_unsigned(seconds.saturating_mul(1_000)))
    }

    /// This moment, as a gateway counts that started at `epoch`. A moment before the start counts as the start.
    pub(crate) fn since(self, epoch: Self) -> Millis {
        Millis(u64::try_from(self.0.saturating_sub(epoch.0)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_counts_from_its_start() {
        let epoch = UnixMillis(1_000);
        for (moment, expected) in [
            (1_500, 500),
            (1_000, 0),
            (0, 0),
            (i64::MIN, 0),
            (i64::MAX, i64::MAX as u64 - 1_000),
        ] {
            assert_eq!(UnixMillis(moment).since(epoch), Millis(expected), "{moment}");
        }
        assert_eq!(epoch.after_seconds(2), UnixMillis(3_000));
        assert_eq!(epoch.after_seconds(u64::MAX), UnixMillis(i64::MAX));
    }
}
