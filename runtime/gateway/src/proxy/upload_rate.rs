//! Whether enough bytes arrived over any half minute of waiting: times in, an answer out.
#![deny(clippy::disallowed_methods)]

use std::time::Duration;

use crate::limits::{UPLOAD_RATE_STEP, UPLOAD_RATE_STEPS};

/// The time over which the rate is taken, in seconds.
const WINDOW: u64 = UPLOAD_RATE_STEP.as_secs() * UPLOAD_RATE_STEPS as u64;

/// The bytes that arrived in the last steps.
#[derive(Debug)]
pub(super) struct UploadRate {
    /// The slowest allowed rate, in bytes a second. 0: any rate.
    least: u64,
    /// The bytes of each step, used in a circle.
    bytes: [u64; UPLOAD_RATE_STEPS],
    /// The index of the current step.
    at: usize,
    /// How much of the current step is over.
    elapsed: Duration,
    /// How many steps are over, at most all.
    over: usize,
    is_slow: bool,
}

impl UploadRate {
    pub(super) fn new(least: u64) -> Self {
        Self {
            least,
            bytes: [0; UPLOAD_RATE_STEPS],
            at: 0,
            elapsed: Duration::ZERO,
            over: 0,
            is_slow: false,
        }
    }

    /// Counts bytes that arrived.
    pub(super) fn came(&mut self, bytes: u64) {
        self.bytes[self.at] = self.bytes[self.at].saturating_add(bytes);
    }

    /// Counts time in which bytes could have arrived.
    pub(super) fn waited(&mut self, time: Duration) {
        self.elapsed += time;
        while self.elapsed >= UPLOAD_RATE_STEP {
            self.elapsed -= UPLOAD_RATE_STEP;
            self.over = (self.over + 1).min(UPLOAD_RATE_STEPS);
            let sum = self
                .bytes
                .iter()
                .fold(0_u64, |sum, bytes| sum.saturating_add(*bytes));
            self.is_slow = self.over == UPLOAD_RATE_STEPS && sum < self.least.saturating_mul(WINDOW);
            self.at = (self.at + 1) % UPLOAD_RATE_STEPS;
            self.bytes[self.at] = 0;
        }
    }

    /// Whether too few bytes arrived over the last half minute of waiting.
    pub(super) fn is_slow(&self) -> bool {
        self.is_slow
    }

    /// The time until that can change; `None` if any rate is allowed.
    pub(super) fn left(&self) -> Option<Duration> {
        (self.least > 0).then(|| UPLOAD_RATE_STEP - self.elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_counts_for_half_a_minute() {
        for (burst, waited, expected) in [
            (0, 29, false),
            (0, 30, true),
            (1_024 * WINDOW, 30, false),
            (1_024 * WINDOW - 1, 30, true),
            (1_024 * WINDOW, 35, true),
            (u64::MAX, 30, false),
        ] {
            let mut rate = UploadRate::new(1_024);
            rate.came(burst);
            (0..waited).for_each(|_| rate.waited(Duration::from_secs(1)));
            assert_eq!(rate.is_slow(), expected, "{burst} in {waited} s");
        }
    }

    #[test]
    fn where_any_rate_will_do_nothing_is_slow() {
        let mut rate = UploadRate::new(0);
        rate.waited(Duration::from_secs(9_999));
        assert!(!rate.is_slow());
        assert_eq!(rate.left(), None);
    }
}
