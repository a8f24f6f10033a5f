//! Addresses whose services sent bytes beyond an answer. Such bytes are never a response (RFC 9112 section 9.2), and where
//! they came once, more may be on their way on every other connection: none is kept for a while.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use crate::{limits::DISTRUST_AFTER_SURPLUS, registry::instance::Origin};

/// The distrusted addresses of one gateway, shared by all of its threads.
#[derive(Debug, Default)]
pub(crate) struct Distrusted {
    /// How many addresses `until` holds: in the usual case none, and no request locks anything.
    count: AtomicUsize,
    /// When the distrust of each address ends. Held for one step, never across an await.
    until: Mutex<HashMap<Origin, Instant>>,
}

impl Distrusted {
    /// Notes that surplus bytes came from `origin`.
    pub(super) fn report(&self, origin: &Origin, now: Instant) {
        metrics::counter!("hydra_upstream_surplus_total").increment(1);
        let mut until = self.lock();
        until.retain(|_, end| *end > now);
        if until
            .insert(origin.clone(), now + DISTRUST_AFTER_SURPLUS)
            .is_none()
        {
            tracing::warn!(
                address = &*origin.0,
                "a service sent bytes beyond its answer: its `Content-Length` is wrong, or it answers twice; \
                 connections to it are not used again for {} s",
                DISTRUST_AFTER_SURPLUS.as_secs()
            );
        }
        self.count.store(until.len(), Relaxed);
    }

    /// Whether connections to `origin` must not be used again at present.
    pub(super) fn holds(&self, origin: &Origin, now: Instant) -> bool {
        if self.count.load(Relaxed) == 0 {
            return false;
        }
        let mut until = self.lock();
        let Some(end) = until.get(origin) else {
            return false;
        };
        if *end > now {
            return true;
        }
        until.remove(origin);
        self.count.store(until.len(), Relaxed);
        false
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn distrust_is_for_one_address_and_ends() {
        let (start, bad, good) = (Instant::now(), ("a:1".into(), false), ("a:2".into(), false));
        let distrusted = Distrusted::default();
        assert!(!distrusted.holds(&bad, start));
        distrusted.report(&bad, start);
        for (origin, after, expected) in [
            (&bad, Duration::ZERO, true),
            (&bad, DISTRUST_AFTER_SURPLUS - Duration::from_millis(1), true),
            (&good, Duration::ZERO, false),
            (&bad, DISTRUST_AFTER_SURPLUS, false),
        ] {
            assert_eq!(
                distrusted.holds(origin, start + after),
                expected,
                "{origin:?} {after:?}"
            );
        }
        assert_eq!(distrusted.count.load(Relaxed), 0, "it is forgotten");
    }

    #[test]
    fn more_surplus_bytes_make_distrust_last_longer() {
        let (start, origin) = (Instant::now(), ("a:1".into(), true));
        let distrusted = Distrusted::default();
        distrusted.report(&origin, start);
        distrusted.report(&origin, start + DISTRUST_AFTER_SURPLUS / 2);
        assert!(distrusted.holds(&origin, start + DISTRUST_AFTER_SURPLUS));
    }
}
