//! Answers of plain HTTP services that may be used again: small, bounded, and in this process only.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::wire::Attributes;

/// The most bytes of HTML and keys that are kept.
const MAX_BYTES: usize = 16 << 20;
/// The most entries. It bounds what the exports of many small ones hold.
const MAX_ENTRIES: usize = 10_000;

/// A fragment as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) html: String,
    pub(crate) exports: Attributes,
    pub(crate) max_age: Duration,
}

/// The cache. Held for one look-up or one change, never across an await.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<String, (Kept, Instant)>,
    bytes: usize,
}

impl Cache {
    /// A fragment that may still be used, with the time that it has left.
    pub(crate) fn get(&self, key: &str, now: Instant) -> Option<Kept> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, until) = entries.by_key.get(key)?;
        let left = until.checked_duration_since(now).filter(|left| !left.is_zero())?;
        Some(Kept {
            max_age: left,
            ..kept.clone()
        })
    }

    /// Keeps a fragment. Where there is no room, what has run out goes first, then everything.
    pub(crate) fn put(&self, key: String, kept: Kept, now: Instant) {
        let size = key.len() + kept.html.len();
        if size > MAX_BYTES / 16 {
            return;
        }
        let Some(until) = now.checked_add(kept.max_age) else {
            return;
        };
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !entries.has_room(size) {
            entries.by_key.retain(|_, (_, until)| *until > now);
            entries.bytes = entries
                .by_key
                .iter()
                .map(|(key, (kept, _))| key.len() + kept.html.len())
                .sum();
        }
        if !entries.has_room(size) {
            *entries = Entries::default();
        }
        let key_len = key.len();
        entries.bytes += size;
        if let Some((old, _)) = entries.by_key.insert(key, (kept, until)) {
            entries.bytes = entries.bytes.saturating_sub(key_len + old.html.len());
        }
    }
}

impl Entries {
    fn has_room(&self, size: usize) -> bool {
        self.bytes + size <= MAX_BYTES && self.by_key.len() < MAX_ENTRIES
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a moment to count from")]
mod tests {
    use super::*;

    fn kept(size: usize) -> Kept {
        Kept {
            html: "x".repeat(size),
            exports: Attributes::new(),
            max_age: Duration::from_secs(10),
        }
    }

    #[test]
    fn an_entry_runs_out() {
        let (cache, now) = (Cache::default(), Instant::now());
        cache.put("a".into(), kept(1), now);
        let later = now + Duration::from_secs(4);
        assert_eq!(
            cache.get("a", later).map(|kept| kept.max_age),
            Some(Duration::from_secs(6))
        );
        assert_eq!(cache.get("a", now + Duration::from_secs(10)), None);
        assert_eq!(cache.get("b", now), None);
    }

    #[test]
    fn it_never_outgrows_its_bounds() {
        let (cache, now) = (Cache::default(), Instant::now());
        for n in 0..MAX_ENTRIES * 2 {
            cache.put(n.to_string(), kept(10_000), now);
            let entries = cache.0.lock().expect("not poisoned");
            assert!(entries.bytes <= MAX_BYTES && entries.by_key.len() <= MAX_ENTRIES);
        }
        cache.put("large".into(), kept(MAX_BYTES), now);
        assert_eq!(cache.get("large", now), None);
    }
}
