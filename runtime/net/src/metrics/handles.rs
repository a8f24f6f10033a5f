//! Handles of metrics by name, made when they are first needed. Readers take no lock.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    sync::{Arc, OnceLock},
};

use arc_swap::ArcSwap;
use metrics::{Counter, Histogram, Key};

use super::METADATA;

/// A counter that is registered when it is first used: then the recorder of the process is installed.
#[derive(Debug)]
pub struct LazyCounter(Key, OnceLock<Counter>);

impl LazyCounter {
    /// The counter of this key.
    #[must_use]
    pub const fn new(key: Key) -> Self {
        Self(key, OnceLock::new())
    }

    /// Adds to the counter.
    pub fn increment(&self, by: u64) {
        let Self(key, counter) = self;
        let register = || metrics::with_recorder(|recorder| recorder.register_counter(key, &METADATA));
        counter.get_or_init(register).increment(by);
    }
}

/// A histogram that is registered when it is first used.
#[derive(Debug)]
pub struct LazyHistogram(Key, OnceLock<Histogram>);

impl LazyHistogram {
    /// The histogram of this key.
    #[must_use]
    pub const fn new(key: Key) -> Self {
        Self(key, OnceLock::new())
    }

    /// Records a duration in seconds.
    pub fn record(&self, seconds: f64) {
        let Self(key, histogram) = self;
        let register = || metrics::with_recorder(|recorder| recorder.register_histogram(key, &METADATA));
        histogram.get_or_init(register).record(seconds);
    }
}

/// A map that only grows, up to a limit, so that labels that come from outside are bounded.
#[derive(Debug)]
pub struct HandleMap<K, V> {
    map: ArcSwap<HashMap<K, Arc<V>, foldhash::fast::RandomState>>,
    most: usize,
}

impl<K: Eq + Hash + Clone, V> HandleMap<K, V> {
    /// An empty map for `most` handles.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            map: ArcSwap::default(),
            most,
        }
    }

    /// The handle for `key`, if there is one.
    pub fn known<Q>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.map.load().get(key).map(Arc::clone)
    }

    /// All handles with their keys, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<(K, Arc<V>)> {
        let map = self.map.load();
        map.iter()
            .map(|(key, handle)| (key.clone(), Arc::clone(handle)))
            .collect()
    }

    /// The handle for `key`, which `make` makes if there is none. `None`: there is none, and no room for another one.
    pub fn get<Q>(&self, key: &Q, make: impl FnOnce() -> (K, V)) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let known = self.map.load();
        if let Some(handle) = known.get(key) {
            return Some(Arc::clone(handle));
        }
        if known.len() >= self.most {
            return None;
        }
        let (key, value) = make();
        let value = Arc::new(value);
        // Another thread may have been faster. Its handle leads to the same metric.
        self.map.rcu(|map| {
            let mut map = HashMap::clone(map);
            map.entry(key.clone()).or_insert_with(|| Arc::clone(&value));
            map
        });
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_made_once_and_there_are_so_many() {
        let handles = HandleMap::<Arc<str>, usize>::new(2);
        let get = |name: &str, value| handles.get(name, || (Arc::from(name), value)).map(|one| *one);
        assert_eq!(get("a", 1), Some(1));
        assert_eq!(get("b", 2), Some(2));
        assert_eq!(get("a", 3), Some(1));
        assert_eq!(get("c", 4), None);
        assert_eq!(get("b", 5), Some(2));
        let mut all: Vec<_> = handles
            .all()
            .into_iter()
            .map(|(key, value)| (key, *value))
            .collect();
        all.sort_unstable();
        assert_eq!(all, [(Arc::from("a"), 1), (Arc::from("b"), 2)]);
    }
}
