//! A circuit breaker for one instance: after some failed connects in a row, the instance gets no requests until it
//! answers a probe.
#![deny(clippy::disallowed_methods)]

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::{
    Millis,
    limits::{
        BREAKER_FAILURES, BREAKER_FIRST_PAUSE_MS, BREAKER_MANY_FAILURES, BREAKER_OPEN_PAUSE_MS,
        BREAKER_RARE_PAUSE_MS, LATE_IN_A_ROW,
    },
};

/// The failures and the load of one instance. A reader may be late by one update, which does no harm.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// Failures in a row. An instance with any is a suspect: other instances are preferred, and probes find out
    /// whether it is back.
    failures: AtomicU32,
    /// When the next probe of a suspect is due.
    next: AtomicU64,
    /// Requests in a row that ran out of time.
    late: AtomicU32,
    /// Whether a probe failed after such requests. No request goes there until the instance is reached again.
    is_unresponsive: AtomicBool,
    requests: AtomicU32,
    sockets: AtomicU32,
}

/// The kind of work. Open sockets are mostly idle, so they are counted apart from requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// A request, until the end of its answer.
    Request,
    /// A connection that has switched to another protocol.
    Socket,
}

impl Breaker {
    /// How much of this work is under way, for an even load.
    pub(crate) fn count(&self, work: Work) -> &AtomicU32 {
        match work {
            Work::Request => &self.requests,
            Work::Socket => &self.sockets,
        }
    }

    /// Counts a request, unless `most` requests and sockets are under way already. Returns whether it is counted.
    pub(crate) fn counts_request_within(&self, most: u32) -> bool {
        let sockets = self.sockets.load(Relaxed);
        let one_more = |requests: u32| {
            let has_room = requests.saturating_add(sockets) < most;
            has_room.then(|| requests.saturating_add(1))
        };
        self.requests.fetch_update(Relaxed, Relaxed, one_more).is_ok()
    }

    /// Whether a call may be made. While the breaker is open, one caller gets `true` when a probe is due, and its
    /// call is the probe.
    pub(crate) fn admits(&self, now: Millis) -> bool {
        self.is_closed() || self.claims_probe(now)
    }

    /// Whether a probe is due. One caller gets `true` and makes the probe; the others wait for another pause.
    pub(crate) fn claims_probe(&self, now: Millis) -> bool {
        let (due, next) = (self.next.load(Relaxed), now.0 + self.pause());
        self.wants_probe() && now.0 >= due && self.next.compare_exchange(due, next, Relaxed, Relaxed).is_ok()
    }

    /// Whether calls go through.
    pub(crate) fn is_closed(&self) -> bool {
        self.failures.load(Relaxed) < BREAKER_FAILURES && !self.is_unresponsive()
    }

    /// Whether requests in a row ran out of time, and then a probe failed.
    pub(crate) fn is_unresponsive(&self) -> bool {
        self.is_unresponsive.load(Relaxed)
    }

    /// Whether the instance could not be reached last time.
    pub(crate) fn is_suspect(&self) -> bool {
        self.failures.load(Relaxed) > 0
    }

    /// Whether a probe is due.
    pub(crate) fn is_due(&self, now: Millis) -> bool {
        self.wants_probe() && now.0 >= self.next.load(Relaxed)
    }

    /// Records that the instance was reached.
    pub(crate) fn succeeded(&self) {
        self.failures.store(0, Relaxed);
        // Most requests find nothing to change.
        if self.late.load(Relaxed) > 0 || self.is_unresponsive() {
            self.late.store(0, Relaxed);
            self.is_unresponsive.store(false, Relaxed);
        }
    }

    /// Records that a request to the instance ran out of time. After some in a row, a probe is due.
    pub(crate) fn ran_out_of_time(&self, now: Millis) {
        let late = self.late.load(Relaxed).saturating_add(1);
        self.late.store(late, Relaxed);
        if late == LATE_IN_A_ROW && !self.is_suspect() {
            self.next.store(now.0, Relaxed);
        }
    }

    /// Records that the instance could not be reached. A lack of files or ports on this machine is not a failure of
    /// the instance.
    pub(crate) fn failed(&self, now: Millis) {
        let failures = self.failures.load(Relaxed).saturating_add(1);
        self.failures.store(failures, Relaxed);
        self.next.store(now.0 + self.pause(), Relaxed);
        if self.late.load(Relaxed) >= LATE_IN_A_ROW {
            self.is_unresponsive.store(true, Relaxed);
        }
    }

    fn wants_probe(&self) -> bool {
        // The last one: a success at the same moment as a failure may have taken back all but this.
        self.is_suspect() || self.late.load(Relaxed) >= LATE_IN_A_ROW || self.is_unresponsive()
    }

    fn pause(&self) -> u64 {
        match self.failures.load(Relaxed) {
            failures if failures <= BREAKER_FAILURES => BREAKER_FIRST_PAUSE_MS,
            failures if failures < BREAKER_MANY_FAILURES => BREAKER_OPEN_PAUSE_MS,
            _ => BREAKER_RARE_PAUSE_MS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_amid_a_failure_leaves_no_instance_without_probes() {
        let breaker = Breaker::default();
        breaker.is_unresponsive.store(true, Relaxed);
        assert!(!breaker.is_closed() && breaker.claims_probe(Millis(1)));
        breaker.succeeded();
        assert!(breaker.is_closed());
    }

    #[test]
    fn opens_after_failures_in_a_row_and_lets_one_probe_through() {
        let breaker = Breaker::default();
        for _ in 1..BREAKER_FAILURES {
            breaker.failed(Millis(10));
        }
        breaker.succeeded();
        for _ in 1..BREAKER_FAILURES {
            breaker.failed(Millis(10));
        }
        assert!(breaker.admits(Millis(10)), "not yet in a row");
        breaker.failed(Millis(10));
        assert!(!breaker.admits(Millis(10)));
        assert!(!breaker.admits(Millis(10 + BREAKER_FIRST_PAUSE_MS - 1)));
        assert!(breaker.admits(Millis(10 + BREAKER_FIRST_PAUSE_MS)));
        assert!(
            !breaker.admits(Millis(10 + BREAKER_FIRST_PAUSE_MS)),
            "one probe at a time"
        );
        breaker.succeeded();
        assert!(breaker.admits(Millis(10 + BREAKER_FIRST_PAUSE_MS)));
    }

    #[test]
    fn one_failure_makes_a_suspect_until_a_probe_succeeds() {
        let breaker = Breaker::default();
        assert!(!breaker.is_suspect() && !breaker.claims_probe(Millis(9_999)));
        breaker.failed(Millis(0));
        assert!(breaker.is_suspect() && breaker.is_closed());
        assert!(!breaker.claims_probe(Millis(BREAKER_FIRST_PAUSE_MS - 1)));
        assert!(breaker.claims_probe(Millis(BREAKER_FIRST_PAUSE_MS)));
        assert!(
            !breaker.claims_probe(Millis(BREAKER_FIRST_PAUSE_MS)),
            "one probe at a time"
        );
        breaker.succeeded();
        assert!(!breaker.is_suspect() && !breaker.claims_probe(Millis(9_999)));
    }

    #[test]
    fn requests_in_a_row_that_run_out_of_time_are_followed_by_a_probe_which_decides() {
        let late =
            |breaker: &Breaker, count: u32| (0..count).for_each(|_| breaker.ran_out_of_time(Millis(10)));
        let breaker = Breaker::default();
        late(&breaker, LATE_IN_A_ROW - 1);
        breaker.succeeded();
        late(&breaker, LATE_IN_A_ROW - 1);
        assert!(!breaker.claims_probe(Millis(10)), "not yet in a row");
        late(&breaker, 1);
        assert!(
            breaker.is_closed() && !breaker.is_suspect(),
            "late answers alone say nothing"
        );
        assert!(breaker.claims_probe(Millis(10)));
        assert!(!breaker.claims_probe(Millis(10)), "one probe at a time");
        breaker.succeeded();
        assert!(breaker.is_closed() && !breaker.claims_probe(Millis(9_999)));
        late(&breaker, LATE_IN_A_ROW);
        assert!(breaker.claims_probe(Millis(10)));
        breaker.failed(Millis(10));
        assert!(breaker.is_unresponsive() && !breaker.is_closed());
        assert!(breaker.claims_probe(Millis(10 + BREAKER_FIRST_PAUSE_MS)));
        breaker.succeeded();
        assert!(!breaker.is_unresponsive() && breaker.is_closed());
        breaker.failed(Millis(10));
        assert!(!breaker.is_unresponsive(), "a connect that fails alone");
    }

    #[test]
    fn a_pause_grows_to_its_bound() {
        let breaker = Breaker::default();
        for (failures, pause) in [
            (BREAKER_FAILURES, BREAKER_FIRST_PAUSE_MS),
            (BREAKER_MANY_FAILURES - 1, BREAKER_OPEN_PAUSE_MS),
            (1_000, BREAKER_RARE_PAUSE_MS),
        ] {
            while breaker.failures.load(Relaxed) < failures {
                breaker.failed(Millis(0));
            }
            assert!(!breaker.admits(Millis(pause - 1)), "{failures}");
            assert!(breaker.is_due(Millis(pause)), "{failures}");
        }
    }
}
