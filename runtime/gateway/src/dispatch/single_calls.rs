//! Which fragments of protocol 1 services are requested in a call of their own (protocol section 2), and how many: a
//! service of protocol 1 answers a whole call with 500 if one of its fragments fails.
#![deny(clippy::disallowed_methods)]

mod failed;
mod period;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{Millis, limits::MAX_COUNTED_SERVICES};
use failed::FailedAlone;
use period::Period;

/// What the gateway remembers of calls for single fragments.
#[derive(Debug, Default)]
pub(crate) struct SingleCalls(
    /// The lock is held for one look-up or change, never across an await.
    Mutex<Remembered>,
);

#[derive(Debug, Default)]
struct Remembered {
    failed: FailedAlone,
    periods: HashMap<String, Period>,
    /// The count of all services beyond [`MAX_COUNTED_SERVICES`].
    others: Period,
}

/// Fragments that are requested together, and those that failed alone lately.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sorted<T> {
    pub(super) together: Vec<T>,
    pub(super) failed_before: Vec<T>,
}

impl SingleCalls {
    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the items of a call, and sorts out those that failed alone lately.
    pub(super) fn sort<T>(
        &self,
        service: &str,
        items: Vec<T>,
        reference: impl Fn(&T) -> &str,
        now: Millis,
    ) -> Sorted<T> {
        let mut remembered = self.remembered();
        remembered.period(service, now).count_items(items.len(), now);
        let failed = &mut remembered.failed;
        let (failed_before, together) = items
            .into_iter()
            .partition(|item| failed.contains(service, reference(item), now));
        Sorted {
            together,
            failed_before,
        }
    }

    /// Takes up to `wanted` calls for single fragments of a service. Returns how many are allowed, and where in a list
    /// of fragments to begin, so that each gets its turn although there are more than calls.
    pub(super) fn take(&self, service: &str, wanted: usize, now: Millis) -> (usize, usize) {
        self.remembered().period(service, now).take(wanted, now)
    }

    /// Remembers that a fragment failed alone.
    pub(super) fn failed(&self, service: &str, reference: &str, now: Millis) {
        self.remembered().failed.insert(service, reference, now);
    }

    /// Remembers that a fragment was answered.
    pub(super) fn succeeded(&self, service: &str, reference: &str) {
        self.remembered().failed.remove(service, reference);
    }
}

impl Remembered {
    fn period(&mut self, service: &str, now: Millis) -> &mut Period {
        if !self.periods.contains_key(service) {
            if self.periods.len() >= MAX_COUNTED_SERVICES {
                self.periods.retain(|_, period| !period.is_over(now));
            }
            if self.periods.len() >= MAX_COUNTED_SERVICES {
                return &mut self.others;
            }
        }
        // A service that is called is registered, so that its name is short.
        self.periods.entry(service.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(calls: &SingleCalls, items: &[&'static str], now: u64) -> Sorted<&'static str> {
        calls.sort("old", items.to_vec(), |item| item, Millis(now))
    }

    #[test]
    fn a_fragment_that_failed_alone_is_kept_apart_for_a_minute_or_until_it_is_answered() {
        let calls = SingleCalls::default();
        let apart = |now| sorted(&calls, &["a", "b"], now).failed_before;
        assert_eq!(apart(0), [""; 0]);
        calls.failed("old", "b", Millis(0));
        calls.failed("other", "a", Millis(0));
        assert_eq!(apart(59_999), ["b"]);
        assert_eq!(apart(60_000), [""; 0]);
        calls.failed("old", "b", Millis(60_000));
        calls.failed("old", "b", Millis(100_000));
        assert_eq!(apart(159_999), ["b"], "it counts from the last failure");
        calls.succeeded("old", "b");
        assert_eq!(apart(159_999), [""; 0]);
    }

    #[test]
    fn services_beyond_the_limit_share_one_count_until_others_are_quiet() {
        let calls = SingleCalls::default();
        for n in 0..MAX_COUNTED_SERVICES {
            calls.sort(&format!("s{n}"), vec![0], |_| "x", Millis(0));
        }
        assert_eq!(calls.take("late", 16, Millis(1)).0, 16);
        assert_eq!(calls.take("later", 16, Millis(1)).0, 0);
        assert_eq!(calls.take("s7", 16, Millis(1)).0, 16);
        assert_eq!(calls.take("later", 16, Millis(20_000)).0, 16);
        assert!(calls.remembered().periods.len() <= MAX_COUNTED_SERVICES);
    }
}
