//! Answers that are used again (design section 3.2, `cache` and `stale`): bounded, and shared by all requests of an engine.
//!
//! An answer is kept for all visitors whom its owner can't tell from each other, see [`Audience`](key::Audience). A visitor whom the owner
//! knows neither gets such an answer nor adds one. While one request fetches what has run out, identical requests wait for
//! its result. They wait for a limited time: a request makes progress only while its visitor reads, and a visitor who does
//! not read must not keep the fragment from all others.
#![deny(clippy::disallowed_methods)]

pub(crate) mod entry;
pub(crate) mod in_flight;
pub(crate) mod key;
pub(crate) mod reservation;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Instant,
};

use hydra_runtime_net::{
    lru_cache::LruCache,
    metrics::{LazyCounter, lookups},
};
use hydra_runtime_wire::Outcome;
use metrics::Gauge;

use self::{entry::CacheEntry, in_flight::InFlight, key::CacheQuery, reservation::Reservation};
use crate::page::answer::Answer;

/// The answers that an engine keeps.
#[derive(Debug)]
pub(crate) struct FragmentCache {
    inner: Mutex<Inner>,
    hits: LazyCounter,
    misses: LazyCounter,
    waits: LazyCounter,
    bytes: OnceLock<Gauge>,
}

/// Locked for one look-up or one change, never across an await.
#[derive(Debug)]
struct Inner {
    entries: LruCache<CacheEntry>,
    /// The requests that identical ones wait for, by key.
    in_flight: HashMap<String, InFlight>,
}

/// What a request for a fragment has to do.
pub(crate) enum Lookup {
    /// Nothing: here is its answer.
    Hit(Answer),
    /// Ask the owner, and put the answer into the reservation.
    Ask(Reservation),
    /// Wait for the identical request in flight.
    Wait(Reservation, InFlight),
}

impl FragmentCache {
    /// Keeps up to `max_bytes`. `None`: there is no cache.
    pub(crate) fn new(max_bytes: usize) -> Option<Arc<Self>> {
        let inner = Inner {
            entries: LruCache::new(max_bytes),
            in_flight: HashMap::new(),
        };
        let [hits, misses, waits] = ["hit", "miss", "wait"].map(|result| lookups("pages", result));
        let cache = Self {
            inner: Mutex::new(inner),
            hits,
            misses,
            waits,
            bytes: OnceLock::new(),
        };
        (max_bytes > 0).then(|| Arc::new(cache))
    }

    /// What the request `query` has to do at `now`. If it asks the owner, identical requests wait for its result until
    /// `leads_until`. `None`: it neither waits nor keeps others waiting.
    pub(crate) fn look_up(
        self: &Arc<Self>,
        query: &CacheQuery<'_>,
        leads_until: Option<Instant>,
        now: Instant,
    ) -> Lookup {
        let lookup = self.find(query, leads_until, now);
        match &lookup {
            Lookup::Hit(_) => self.hits.increment(1),
            Lookup::Ask(_) => self.misses.increment(1),
            Lookup::Wait(..) => self.waits.increment(1),
        }
        lookup
    }

    fn find(self: &Arc<Self>, query: &CacheQuery<'_>, leads_until: Option<Instant>, now: Instant) -> Lookup {
        let (policy, key) = (query.policy, query.key());
        let mut inner = self.lock();
        let entry = inner.entries.get(&key, now).cloned().unwrap_or_default();
        if let Some(latest) = &entry.latest
            && let Some(left) = latest.is_fresh_for(policy, now)
        {
            return Lookup::Hit(latest.answer(Outcome::Cached, None, left));
        }
        let stale = entry
            .fallback
            .filter(|fragment| fragment.serves_until(policy) > Some(now));
        let mut reservation = Reservation::new(self.clone(), key, query, stale);
        let is_private = entry.private_until.is_some_and(|until| now < until);
        let Some(until) = leads_until.filter(|_| !is_private && !policy.cache.is_zero()) else {
            return Lookup::Ask(reservation);
        };
        let other = inner.in_flight.get(&reservation.key);
        if let Some(other) = other.filter(|other| other.keeps_waiting(now)) {
            return Lookup::Wait(reservation, other.clone());
        }
        let (sender, in_flight) = InFlight::new(until);
        inner.in_flight.insert(reservation.key.clone(), in_flight);
        reservation.result = Some(sender);
        Lookup::Ask(reservation)
    }

    /// Tells how many bytes the answers take.
    fn measure(&self, inner: &Inner) {
        let bytes = u32::try_from(inner.entries.bytes()).unwrap_or(u32::MAX);
        let register = || metrics::gauge!("hydra_cache_bytes", "cache" => "pages");
        self.bytes.get_or_init(register).set(f64::from(bytes));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
