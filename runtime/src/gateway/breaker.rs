//! A circuit breaker for one instance: after some failures in a row it is left alone for a while.
#![deny(clippy::disallowed_methods)]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::Millis;

/// So many failures in a row open the breaker.
const LIMIT: u32 = 5;
/// How long it stays open the first time. Each failed trial doubles it.
const FIRST_PAUSE: u64 = 500;
/// The longest pause: a service that is back is not kept waiting for longer.
const LONGEST_PAUSE: u64 = 1_000;

/// What is known of an instance's answers. A reader may be late by one answer, which does no harm.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: AtomicU32,
    /// Until then the instance is left alone.
    open_until: AtomicU64,
    requests: AtomicU32,
    sockets: AtomicU32,
}

/// What an instance has to do. Open sockets are mostly idle, so they count among themselves only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// A request, until the end of its answer.
    Request,
    /// A connection that has switched to another protocol.
    Socket,
}

impl Breaker {
    /// How much of such work is under way, for an even load.
    pub(super) fn count(&self, work: Work) -> &AtomicU32 {
        match work {
            Work::Request => &self.requests,
            Work::Socket => &self.sockets,
        }
    }

    /// Whether a call may be made. When a pause is over, one caller gets `true` and is the trial.
    pub(crate) fn admits(&self, now: Millis) -> bool {
        let until = self.open_until.load(Relaxed);
        if until == 0 {
            return true;
        }
        // The others wait one pause more, in which the trial succeeds or fails.
        let next = now.0 + self.pause();
        now.0 >= until
            && self
                .open_until
                .compare_exchange(until, next, Relaxed, Relaxed)
                .is_ok()
    }

    /// Whether calls go through without a trial.
    pub(crate) fn is_closed(&self) -> bool {
        self.open_until.load(Relaxed) == 0
    }

    /// Whether its pause is over, so that the next caller would be the trial.
    pub(crate) fn is_due(&self, now: Millis) -> bool {
        let until = self.open_until.load(Relaxed);
        until != 0 && now.0 >= until
    }

    /// The instance was reached.
    pub(crate) fn succeeded(&self) {
        self.failures.store(0, Relaxed);
        self.open_until.store(0, Relaxed);
    }

    /// The instance could not be reached.
    pub(crate) fn failed(&self, now: Millis) {
        let failures = self.failures.load(Relaxed).saturating_add(1);
        self.failures.store(failures, Relaxed);
        if failures >= LIMIT {
            self.open_until.store((now.0 + self.pause()).max(1), Relaxed);
        }
    }

    fn pause(&self) -> u64 {
        let doublings = self.failures.load(Relaxed).saturating_sub(LIMIT).min(8);
        (FIRST_PAUSE << doublings).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_failures_in_a_row_and_lets_one_trial_through() {
        let breaker = Breaker::default();
        for _ in 1..LIMIT {
            breaker.failed(Millis(10));
        }
        breaker.succeeded();
        for _ in 1..LIMIT {
            breaker.failed(Millis(10));
        }
        assert!(breaker.admits(Millis(10)), "not yet in a row");
        breaker.failed(Millis(10));
        assert!(!breaker.admits(Millis(10)));
        assert!(!breaker.admits(Millis(10 + FIRST_PAUSE - 1)));
        assert!(breaker.admits(Millis(10 + FIRST_PAUSE)));
        assert!(!breaker.admits(Millis(10 + FIRST_PAUSE)), "one trial at a time");
        breaker.succeeded();
        assert!(breaker.admits(Millis(10 + FIRST_PAUSE)));
    }

    #[test]
    fn a_pause_grows_to_its_bound() {
        let breaker = Breaker::default();
        for _ in 0..100 {
            breaker.failed(Millis(0));
        }
        assert!(!breaker.admits(Millis(LONGEST_PAUSE - 1)));
        assert!(breaker.admits(Millis(LONGEST_PAUSE)));
    }
}
