//! A cache of answers of plain HTTP services: small, bounded, and in this process only.
#![deny(clippy::disallowed_methods)]

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use hydra_runtime_net::{
    fragment_source::KeptFragment,
    lru_cache::{LruCache, size_of_attributes},
    metrics::{LazyCounter, lookups},
};
use hydra_runtime_wire::Attributes;

use crate::limits::MAX_FRAGMENT_CACHE_BYTES;

/// A fragment that came from its service, and may be kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FetchedFragment {
    pub(crate) html: String,
    pub(crate) exports: Attributes,
    /// How long the fragment may be used again. `None`: its service does not say.
    pub(crate) max_age: Option<Duration>,
}

/// The cache. The lock is held for one look-up or one change, never across an await.
#[derive(Debug)]
pub(crate) struct FragmentCache {
    entries: Mutex<LruCache<(KeptFragment, Instant)>>,
    /// Whether any fragment was ever kept. Most services let none be kept, and their fragments need no key.
    is_used: AtomicBool,
    hits: LazyCounter,
    misses: LazyCounter,
}

impl Default for FragmentCache {
    fn default() -> Self {
        let [hits, misses] = ["hit", "miss"].map(|result| lookups("plain", result));
        Self {
            entries: Mutex::new(LruCache::new(MAX_FRAGMENT_CACHE_BYTES)),
            is_used: AtomicBool::new(false),
            hits,
            misses,
        }
    }
}

impl FragmentCache {
    /// A fragment that may still be used, with the time that it has left. The caller tells [`FragmentCache::hit`] or
    /// [`FragmentCache::missed`] what comes of it.
    pub(crate) fn get(&self, key: impl FnOnce() -> String, now: Instant) -> Option<KeptFragment> {
        if !self.is_used() {
            return None;
        }
        let key = key();
        let mut cache = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, until) = cache.get(&key, now)?;
        let max_age = until.saturating_duration_since(now);
        let kept = kept.clone();
        Some(KeptFragment { max_age, ..kept })
    }

    /// Whether any fragment was ever kept.
    pub(crate) fn is_used(&self) -> bool {
        self.is_used.load(Relaxed)
    }

    /// Counts fragments that are shown again.
    pub(crate) fn hit(&self, count: usize) {
        self.hits.increment(count as u64);
    }

    /// Counts a fragment that the cache does not have.
    pub(crate) fn missed(&self) {
        self.misses.increment(1);
    }

    /// How many bytes the cache takes.
    pub(crate) fn bytes(&self) -> usize {
        let cache = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        cache.bytes()
    }

    /// Keeps a fragment for as long as its `max_age` says.
    pub(crate) fn put(&self, key: impl FnOnce() -> String, fetched: &FetchedFragment, now: Instant) {
        let max_age = fetched.max_age.filter(|max_age| !max_age.is_zero());
        let Some((max_age, until)) = max_age.and_then(|max_age| Some((max_age, now.checked_add(max_age)?)))
        else {
            return;
        };
        let size = fetched.html.len() + size_of_attributes(&fetched.exports);
        let key = key();
        let kept = KeptFragment {
            html: Bytes::copy_from_slice(fetched.html.as_bytes()),
            exports: fetched.exports.clone(),
            max_age,
        };
        let mut cache = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        cache.put(&key, (kept, until), size, until);
        self.is_used.store(true, Relaxed);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a moment to count from")]
mod tests {
    use super::*;

    fn fetched(max_age: Option<u64>) -> FetchedFragment {
        FetchedFragment {
            html: "x".to_owned(),
            exports: Attributes::new(),
            max_age: max_age.map(Duration::from_secs),
        }
    }

    #[test]
    fn what_is_left_of_its_time_is_told() {
        let (cache, now) = (FragmentCache::default(), Instant::now());
        cache.put(|| "a".into(), &fetched(Some(10)), now);
        let later = now + Duration::from_secs(4);
        let expected = KeptFragment {
            html: Bytes::from_static(b"x"),
            exports: Attributes::new(),
            max_age: Duration::from_secs(6),
        };
        assert_eq!(cache.get(|| "a".into(), later), Some(expected));
        assert_eq!(cache.get(|| "a".into(), now + Duration::from_secs(10)), None);
    }

    #[test]
    fn what_does_not_say_how_long_is_not_kept() {
        let (cache, now) = (FragmentCache::default(), Instant::now());
        cache.put(|| "a".into(), &fetched(None), now);
        cache.put(|| "b".into(), &fetched(Some(0)), now);
        assert_eq!(
            (cache.get(|| "a".into(), now), cache.get(|| "b".into(), now)),
            (None, None)
        );
    }
}
