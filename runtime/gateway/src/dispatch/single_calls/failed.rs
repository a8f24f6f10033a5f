//! The fragments that failed alone lately.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasher, RandomState},
};

use crate::{
    Millis,
    limits::{FAILED_ALONE_REMEMBERED_MS, MAX_FAILED_ALONE},
};

/// Fragments by a hash of service and `ref`: a `ref` may be as long as a whole batch.
#[derive(Debug, Default)]
pub(super) struct FailedAlone {
    hasher: RandomState,
    until: HashMap<u64, u64>,
    /// The same, sorted by the end.
    by_end: BTreeSet<(u64, u64)>,
}

impl FailedAlone {
    pub(super) fn contains(&mut self, service: &str, reference: &str, now: Millis) -> bool {
        while let Some((until, key)) = self.by_end.first().copied().filter(|(until, _)| *until <= now.0) {
            self.forget(until, key);
        }
        !self.until.is_empty() && self.until.contains_key(&self.key(service, reference))
    }

    /// Adds a fragment. If there is no room, the one whose time ends first is forgotten.
    pub(super) fn insert(&mut self, service: &str, reference: &str, now: Millis) {
        self.remove(service, reference);
        if self.until.len() >= MAX_FAILED_ALONE
            && let Some((until, key)) = self.by_end.first().copied()
        {
            self.forget(until, key);
        }
        let (key, until) = (self.key(service, reference), now.0 + FAILED_ALONE_REMEMBERED_MS);
        self.until.insert(key, until);
        self.by_end.insert((until, key));
    }

    pub(super) fn remove(&mut self, service: &str, reference: &str) {
        if self.until.is_empty() {
            return;
        }
        let key = self.key(service, reference);
        if let Some(until) = self.until.get(&key).copied() {
            self.forget(until, key);
        }
    }

    fn forget(&mut self, until: u64, key: u64) {
        self.until.remove(&key);
        self.by_end.remove(&(until, key));
    }

    fn key(&self, service: &str, reference: &str) -> u64 {
        self.hasher.hash_one((service, reference))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_are_remembered_and_the_newest_displace_the_oldest() {
        let mut failed = FailedAlone::default();
        for n in 0..1_500_u64 {
            failed.insert("s", &n.to_string(), Millis(n));
            failed.insert("s", &n.to_string(), Millis(n));
        }
        assert_eq!((failed.until.len(), failed.by_end.len()), (1_000, 1_000));
        let now = Millis(1_500);
        assert!(failed.contains("s", "1499", now) && !failed.contains("s", "499", now));
        assert!(!failed.contains("s", "1499", Millis(100_000)));
        assert_eq!((failed.until.len(), failed.by_end.len()), (0, 0));
    }
}
