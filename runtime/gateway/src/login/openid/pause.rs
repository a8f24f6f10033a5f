//! Pauses after a provider did not answer, for all logins together: otherwise each response of a login that is due would wait for it.
#![deny(clippy::disallowed_methods)]

use std::time::Duration;

use crate::limits::{OPENID_FIRST_PAUSE, OPENID_LOGIN_TIMEOUT, OPENID_LONGEST_PAUSE};

/// The pause at present. All times are in milliseconds since some moment.
#[derive(Debug, Default)]
pub(super) struct Pause {
    failures: u32,
    /// When the provider may be asked again.
    until: u64,
    /// Whether one login finds out whether the provider answers again.
    is_tried: bool,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Pause {
    /// Whether the provider may be asked now. After a pause one login may; the others go on without, until it has an answer.
    pub(super) fn may_ask(&mut self, now: u64) -> bool {
        if self.failures == 0 {
            return true;
        }
        if now < self.until {
            return false;
        }
        self.is_tried = true;
        // If nothing is heard of it, the next one may.
        self.until = now + millis(OPENID_LOGIN_TIMEOUT);
        true
    }

    /// The provider does not answer, or not in time. The pause grows with each attempt.
    pub(super) fn failed(&mut self, now: u64) {
        // Those that asked before the pause began fail later, and lengthen nothing.
        if self.failures > 0 && !self.is_tried {
            return;
        }
        let pause = (OPENID_FIRST_PAUSE * (1 << self.failures.min(10))).min(OPENID_LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.is_tried = false;
        self.until = now + millis(pause);
    }

    /// The attempt asked nothing: the next one may.
    pub(super) fn is_undecided(&mut self, now: u64) {
        if self.is_tried {
            self.is_tried = false;
            self.until = now;
        }
    }

    /// The provider has answered.
    pub(super) fn answered(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: u64 = 2_000;

    #[test]
    fn the_pause_grows_and_is_bounded_and_ends_with_an_answer() {
        let (mut pause, mut now) = (Pause::default(), 1_000);
        let mut pauses = Vec::new();
        for _ in 0..6 {
            assert!(pause.may_ask(now));
            pause.failed(now);
            pauses.push(pause.until - now);
            assert!(!pause.may_ask(now) && !pause.may_ask(pause.until - 1));
            now = pause.until;
        }
        assert_eq!(pauses, [FIRST, 4_000, 8_000, 15_000, 15_000, 15_000]);
        assert!(pause.may_ask(now));
        pause.answered();
        assert!(pause.may_ask(now) && pause.may_ask(now), "all may ask again");
    }

    #[test]
    fn after_a_pause_one_login_tries_for_all() {
        let mut pause = Pause::default();
        for _ in 0..3 {
            assert!(pause.may_ask(0), "they do not know yet");
        }
        for now in [1_000, 1_100, 5_000] {
            pause.failed(now);
        }
        assert_eq!(pause.until, 1_000 + FIRST, "one failure");
        assert!(pause.may_ask(3_000));
        for now in [3_000, 4_000, 12_999] {
            assert!(!pause.may_ask(now), "{now}");
        }
        assert!(pause.may_ask(13_000), "nothing was heard of the first one");
        pause.is_undecided(13_100);
        assert!(pause.may_ask(13_100), "the next one may");
        pause.failed(14_000);
        assert!(!pause.may_ask(17_999) && pause.may_ask(18_000));
        // One that asked before the pause gets an answer after all.
        pause.answered();
        pause.is_undecided(18_001);
        assert!(pause.may_ask(18_001) && pause.may_ask(18_001));
    }
}
