//! Limits how often the log reports calls with a wrong public key.
#![deny(clippy::disallowed_methods)]

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Millis, limits::WRONG_KEY_LOG_PERIOD_MS};

/// The time of the last report plus 1; 0 if there was none yet.
#[derive(Debug, Default)]
pub(crate) struct WrongKeyLog(AtomicU64);

impl WrongKeyLog {
    /// Whether the log should report a wrong key now. One caller gets `true` per period.
    pub(crate) fn is_due(&self, now: Millis) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        let is_due = last == 0 || now.0.saturating_sub(last - 1) >= WRONG_KEY_LOG_PERIOD_MS;
        is_due
            && self
                .0
                .compare_exchange(last, now.0 + 1, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_key_is_told_at_once_and_then_once_a_minute() {
        let told = WrongKeyLog::default();
        let found = [0, 1, 59_999, 60_000, 60_001, 119_999, 120_000].map(|now| told.is_due(Millis(now)));
        assert_eq!(found, [true, false, false, true, false, false, true]);
    }
}
