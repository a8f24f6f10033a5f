//! An LRU cache bounded by bytes and entries; each entry expires.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Instant,
};

use foldhash::fast::RandomState;
use hydra_runtime_wire::Attributes;
use serde_json::Value;

use crate::limits::{
    CACHE_ENTRY_OVERHEAD_BYTES, CACHE_ENTRY_SHARE_DIVISOR, JSON_VALUE_OVERHEAD_BYTES, MAX_CACHE_ENTRIES,
    MAX_MOVES_PER_EVICTION,
};

/// Values by key. The value that was not used for the longest time is dropped first, or another one if too many were
/// used meanwhile.
#[derive(Debug)]
pub struct LruCache<V> {
    max_bytes: usize,
    entries: HashMap<Arc<str>, CacheEntry<V>, RandomState>,
    /// The keys in the order of a use, which may not have been the last one: a use only notes its number in the entry, and
    /// the entry moves to its place when it would be dropped.
    by_use: BTreeMap<u64, Arc<str>>,
    /// Counts uses: a larger number is a later use.
    last_use: u64,
    bytes: usize,
}

#[derive(Debug)]
struct CacheEntry<V> {
    value: V,
    size: usize,
    expires: Instant,
    last_use: u64,
    /// Its key in `by_use`.
    listed_use: u64,
}

impl<V> LruCache<V> {
    /// An empty cache for `max_bytes`.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            entries: HashMap::default(),
            by_use: BTreeMap::new(),
            last_use: 0,
            bytes: 0,
        }
    }

    /// How many bytes the values take, with their keys.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The value for `key`, unless it has expired.
    pub fn get(&mut self, key: &str, now: Instant) -> Option<&V> {
        let entry = self.entries.get_mut(key)?;
        if entry.expires <= now {
            self.remove(key);
            return None;
        }
        self.last_use += 1;
        entry.last_use = self.last_use;
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// Keeps `value`, whose size is `size` bytes, until it `expires`. A value that is too large is not kept, and the value that the
    /// key had before is dropped.
    pub fn put(&mut self, key: &str, value: V, size: usize, expires: Instant) {
        self.remove(key);
        let size = size
            .saturating_add(key.len())
            .saturating_add(CACHE_ENTRY_OVERHEAD_BYTES);
        if size > self.max_bytes / CACHE_ENTRY_SHARE_DIVISOR {
            return;
        }
        let key: Arc<str> = Arc::from(key);
        self.last_use += 1;
        let last_use = self.last_use;
        self.bytes += size;
        self.by_use.insert(last_use, key.clone());
        let entry = CacheEntry {
            value,
            size,
            expires,
            last_use,
            listed_use: last_use,
        };
        self.entries.insert(key, entry);
        self.evict();
    }

    /// Drops the entries that are too many.
    fn evict(&mut self) {
        let mut moves = 0;
        while self.bytes > self.max_bytes || self.entries.len() > MAX_CACHE_ENTRIES {
            let Some((listed_use, key)) = self.by_use.pop_first() else {
                break;
            };
            let used_since = self
                .entries
                .get_mut(&key)
                .filter(|entry| entry.last_use > listed_use);
            match used_since.filter(|_| moves < MAX_MOVES_PER_EVICTION) {
                Some(entry) => {
                    entry.listed_use = entry.last_use;
                    self.by_use.insert(entry.last_use, key);
                    moves += 1;
                }
                None => self.remove(&key),
            }
        }
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_use.remove(&entry.listed_use);
            self.bytes -= entry.size;
        }
    }
}

/// How many bytes `attributes` take, roughly.
pub fn size_of_attributes(attributes: &Attributes) -> usize {
    let members = attributes.iter();
    members
        .map(|(name, value)| name.len() + size_of_value(value))
        .sum()
}

fn size_of_value(value: &Value) -> usize {
    JSON_VALUE_OVERHEAD_BYTES
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(size_of_value).sum(),
            Value::Object(members) => size_of_attributes(members),
            _ => 0,
        }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a moment to count from")]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn after(now: Instant, seconds: u64) -> Instant {
        now + Duration::from_secs(seconds)
    }

    #[test]
    fn an_entry_runs_out() {
        let (mut cache, now) = (LruCache::new(10_000), Instant::now());
        cache.put("a", 7, 1, after(now, 10));
        assert_eq!(cache.get("a", after(now, 9)), Some(&7));
        assert_eq!(cache.get("b", now), None);
        assert_eq!(cache.get("a", after(now, 10)), None);
        assert_eq!((cache.bytes, cache.by_use.len()), (0, 0));
    }

    #[test]
    fn what_was_not_used_for_the_longest_time_goes_first() {
        let (mut cache, now) = (
            LruCache::new(4 * (CACHE_ENTRY_OVERHEAD_BYTES + 101)),
            Instant::now(),
        );
        for key in ["a", "b", "c", "d"] {
            cache.put(key, key, 100, after(now, 10));
        }
        cache.get("a", now);
        cache.put("e", "e", 100, after(now, 10));
        let kept: Vec<_> = ["a", "b", "c", "d", "e"]
            .into_iter()
            .filter(|key| cache.get(key, now).is_some())
            .collect();
        assert_eq!(kept, ["a", "c", "d", "e"]);
    }

    #[test]
    fn an_eviction_moves_few_entries_however_many_were_used() {
        let (mut cache, now) = (LruCache::new(usize::MAX), Instant::now());
        for n in 0..MAX_CACHE_ENTRIES {
            cache.put(&n.to_string(), (), 0, after(now, 10));
        }
        for n in 0..MAX_CACHE_ENTRIES {
            cache.get(&n.to_string(), now);
        }
        cache.put("new", (), 0, after(now, 10));
        let stays = |cache: &LruCache<()>, n: usize| cache.entries.contains_key(&*n.to_string());
        assert!(stays(&cache, 0), "it was moved behind the others");
        assert!(
            !stays(&cache, MAX_MOVES_PER_EVICTION),
            "the next one is dropped instead of moving all"
        );
        assert_eq!(cache.entries.len(), MAX_CACHE_ENTRIES);
        assert!(cache.entries.contains_key("new"));
    }

    #[test]
    fn a_value_that_would_take_most_of_the_room_is_not_kept() {
        let (mut cache, now) = (LruCache::new(10_000), Instant::now());
        cache.put("a", 1, 10, after(now, 10));
        cache.put("a", 2, 9_000, after(now, 10));
        cache.put("b", 2, usize::MAX, after(now, 10));
        assert_eq!(cache.get("a", now), None);
        assert_eq!(cache.get("b", now), None);
        assert_eq!(cache.bytes, 0);
    }

    #[test]
    fn many_small_entries_are_bounded_too() {
        let (mut cache, now) = (LruCache::new(usize::MAX), Instant::now());
        for n in 0..MAX_CACHE_ENTRIES + 100 {
            cache.put(&n.to_string(), (), 0, after(now, 10));
        }
        assert_eq!(
            (cache.entries.len(), cache.by_use.len()),
            (MAX_CACHE_ENTRIES, MAX_CACHE_ENTRIES)
        );
    }

    #[test]
    fn what_nests_counts_with_all_that_is_in_it() {
        let nested = serde_json::json!({"a": [[0, 0], {"b": "text"}]});
        assert_eq!(
            nested.as_object().map(size_of_attributes),
            Some(6 * JSON_VALUE_OVERHEAD_BYTES + 1 + 1 + 4)
        );
    }

    proptest! {
        #[test]
        fn the_books_always_agree(steps in prop::collection::vec((0..9u8, 0..4_000usize, 0..20u64, any::<bool>()), 0..200)) {
            let (mut cache, start) = (LruCache::new(8_000), Instant::now());
            for (time, (key, size, life, is_put)) in (0..).zip(steps) {
                let (now, key) = (after(start, time), key.to_string());
                if is_put {
                    cache.put(&key, size, size, after(now, life));
                } else {
                    cache.get(&key, now);
                }
                prop_assert!(cache.bytes <= 8_000);
                prop_assert_eq!(cache.bytes, cache.entries.values().map(|entry| entry.size).sum::<usize>());
                prop_assert_eq!(cache.by_use.len(), cache.entries.len());
                for (use_number, key) in &cache.by_use {
                    let entry = cache.entries.get(key);
                    prop_assert_eq!(entry.map(|entry| entry.listed_use), Some(*use_number));
                    prop_assert!(entry.is_some_and(|entry| entry.last_use >= *use_number));
                }
            }
        }
    }
}
