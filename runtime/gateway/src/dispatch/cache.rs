//! A cache of answers of plain HTTP services: small, bounded, and in this process only.
#![deny(clippy::disallowed_methods)]

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hydra_runtime_net::{
    lru_cache::{LruCache, size_of_attributes},
    metrics::{LazyCounter, lookups},
};
use hydra_runtime_wire::Attributes;

use crate::limits::MAX_FRAGMENT_CACHE_BYTES;

/// A cached fragment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CachedFragment {
    pub(crate) html: String,
    pub(crate) exports: Attributes,
    /// How long the fragment may be used again. `None`: its service does not say.
    pub(crate) max_age: Option<Duration>,
}

/// The cache. The lock is held for one look-up or one change, never across an await.
#[derive(Debug)]
pub(crate) struct FragmentCache {
    entries: Mutex<LruCache<(CachedFragment, Instant)>>,
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
    /// A fragment that may still be used, with the time that it has left.
    pub(crate) fn get(&self, key: impl FnOnce() -> String, now: Instant) -> Option<CachedFragment> {
        if !self.is_used.load(Relaxed) {
            self.misses.increment(1);
            return None;
        }
        let key = key();
        let mut cache = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((kept, until)) = cache.get(&key, now) else {
            self.misses.increment(1);
            return None;
        };
        self.hits.increment(1);
        Some(CachedFragment {
            max_age: Some(until.saturating_duration_since(now)),
            ..kept.clone()
        })
    }

    /// How many bytes the cache takes.
    pub(crate) fn bytes(&self) -> usize {
        let cache = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        cache.bytes()
    }

    /// Keeps a fragment for as long as its `max_age` says.
    pub(crate) fn put(&self, key: impl FnOnce() -> String, kept: &CachedFragment, now: Instant) {
        let max_age = kept.max_age.filter(|max_age| !max_age.is_zero());
        let Some(until) = max_age.and_then(|max_age| now.checked_add(max_age)) else {
            return;
        };
        let size = kept.html.len() + size_of_attributes(&kept.exports);
        let (key, kept) = (key(), kept.clone());
        let mut cache = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        cache.put(&key, (kept, until), size, until);
        self.is_used.store(true, Relaxed);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a moment to count from")]
mod tests {
    use super::*;

    fn kept(max_age: Option<u64>) -> CachedFragment {
        CachedFragment {
            html: "x".to_owned(),
            exports: Attributes::new(),
            max_age: max_age.map(Duration::from_secs),
        }
    }

    #[test]
    fn what_is_left_of_its_time_is_told() {
        let (cache, now) = (FragmentCache::default(), Instant::now());
        cache.put(|| "a".into(), &kept(Some(10)), now);
        let later = now + Duration::from_secs(4);
        assert_eq!(cache.get(|| "a".into(), later), Some(kept(Some(6))));
        assert_eq!(cache.get(|| "a".into(), now + Duration::from_secs(10)), None);
    }

    #[test]
    fn what_does_not_say_how_long_is_not_kept() {
        let (cache, now) = (FragmentCache::default(), Instant::now());
        cache.put(|| "a".into(), &kept(None), now);
        cache.put(|| "b".into(), &kept(Some(0)), now);
        assert_eq!(
            (cache.get(|| "a".into(), now), cache.get(|| "b".into(), now)),
            (None, None)
        );
    }
}
