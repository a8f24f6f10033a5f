//! Addresses whose services sent bytes beyond an answer. Such bytes are never a response (RFC 9112 section 9.2). If
//! they came once, more may be on their way on every other connection, so none is kept for a while.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use crate::{limits::DISTRUST_AFTER_SURPLUS, registry::instance::PoolKey};

/// The distrusted addresses of one gateway, shared by all of its threads.
#[derive(Debug, Default)]
pub(crate) struct Distrusted {
    /// How many addresses `until` contains. Usually there are none, and no request takes the lock.
    count: AtomicUsize,
    /// When the distrust of each address ends. The lock is held for one step, never across an await.
    until: Mutex<HashMap<PoolKey, Instant>>,
}

impl Distrusted {
    /// Records that surplus bytes came from the address of `key`.
    pub(super) fn report(&self, key: &PoolKey, now: Instant) {
        metrics::counter!("hydra_upstream_surplus_total").increment(1);
        let mut until = self.lock();
        until.retain(|_, end| *end > now);
        if until.insert(key.clone(), now + DISTRUST_AFTER_SURPLUS).is_none() {
            tracing::warn!(
                address = &*key.address,
                "a service sent bytes beyond its answer: its `Content-Length` is wrong, or it answers twice; \
                 connections to it are not used again for {} s",
                DISTRUST_AFTER_SURPLUS.as_secs()
            );
        }
        self.count.store(until.len(), Relaxed);
    }

    /// Whether connections to `key` must not be reused at present.
    pub(super) fn holds(&self, key: &PoolKey, now: Instant) -> bool {
        if self.count.load(Relaxed) == 0 {
            return false;
        }
        let mut until = self.lock();
        let Some(end) = until.get(key) else {
            return false;
        };
        if *end > now {
            return true;
        }
        until.remove(key);
        self.count.store(until.len(), Relaxed);
        false
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PoolKey, Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn distrust_is_for_one_address_and_ends() {
        let key = |address: &str| PoolKey {
            address: address.into(),
            is_https: false,
        };
        let (start, bad, good) = (Instant::now(), key("a:1"), key("a:2"));
        let distrusted = Distrusted::default();
        assert!(!distrusted.holds(&bad, start));
        distrusted.report(&bad, start);
        for (key, after, expected) in [
            (&bad, Duration::ZERO, true),
            (&bad, DISTRUST_AFTER_SURPLUS - Duration::from_millis(1), true),
            (&good, Duration::ZERO, false),
            (&bad, DISTRUST_AFTER_SURPLUS, false),
        ] {
            assert_eq!(
                distrusted.holds(key, start + after),
                expected,
                "{key:?} {after:?}"
            );
        }
        assert_eq!(distrusted.count.load(Relaxed), 0, "it is forgotten");
    }

    #[test]
    fn more_surplus_bytes_make_distrust_last_longer() {
        let start = Instant::now();
        let key = PoolKey {
            address: "a:1".into(),
            is_https: true,
        };
        let distrusted = Distrusted::default();
        distrusted.report(&key, start);
        distrusted.report(&key, start + DISTRUST_AFTER_SURPLUS / 2);
        assert!(distrusted.holds(&key, start + DISTRUST_AFTER_SURPLUS));
    }
}
