//! One part of the route table.
#![deny(clippy::disallowed_methods)]

use std::{collections::HashMap, hash::BuildHasherDefault};

use super::pattern::Segment;
use super::{
    Route,
    hash::{Hashed, hash},
    tree::Tree,
};

/// How many shards share the routes by their hash.
const HASHED: u16 = 256;
/// How many shards a table has: one more, for the patterns that may match under any first segment.
pub const SHARDS: usize = HASHED as usize + 1;

/// The place of a path in the table: its shard, and its hash if it is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardKey {
    shard: u16,
    /// The hash of the whole path if it contains no pattern.
    exact: Option<u64>,
}

impl ShardKey {
    /// The place of patterns whose first segment is not a literal.
    pub(super) const WIDE: ShardKey = ShardKey {
        shard: HASHED,
        exact: None,
    };

    /// The place of a pattern with these segments and this key.
    pub fn of(segments: &[Segment], key: &str) -> Self {
        let is_exact = segments
            .iter()
            .all(|segment| matches!(segment, Segment::Literal(_)));
        match segments.first() {
            _ if is_exact => Self::exact(key),
            Some(Segment::Literal(first)) => Self::under(first),
            _ => Self::WIDE,
        }
    }

    /// The place of a path without patterns.
    pub(super) fn exact(key: &str) -> Self {
        let hash = hash(key);
        Self {
            shard: shard_of(hash),
            exact: Some(hash),
        }
    }

    /// The place of patterns that begin with this literal.
    pub(super) fn under(first: &str) -> Self {
        Self {
            shard: shard_of(hash(first)),
            exact: None,
        }
    }

    /// Whether the path contains no pattern.
    pub fn is_exact(self) -> bool {
        self.exact.is_some()
    }

    /// The number of the shard.
    pub fn shard(self) -> usize {
        self.shard.into()
    }
}

fn shard_of(hash: u64) -> u16 {
    // The hash maps use the lowest and the highest bits.
    ((hash >> 32) % u64::from(HASHED)) as u16
}

/// A part of the routes.
#[derive(Clone, Debug, Default)]
pub struct Shard {
    /// The paths without any pattern, by their hash: most of them. If two have the same hash, the second is kept
    /// under the next number.
    exact: HashMap<u64, Route, BuildHasherDefault<Hashed>>,
    /// All other paths; the leaves are indices of `patterns`.
    tree: Tree,
    patterns: Vec<Route>,
}

impl Shard {
    /// An empty shard with capacity for this many paths without patterns.
    pub fn with_capacity(routes: usize) -> Self {
        Self {
            exact: HashMap::with_capacity_and_hasher(routes, BuildHasherDefault::default()),
            ..Self::default()
        }
    }

    /// Adds a route of this shard. Returns whether two services claim the path.
    pub fn insert(&mut self, shard_key: ShardKey, segments: &[Segment], route: Route) -> bool {
        let held = match shard_key.exact {
            Some(hash) => {
                let hash = self.free_or_same(hash, &route.key);
                self.exact.entry(hash).or_insert_with(|| route.clone())
            }
            None => {
                // Four billion routes do not fit in memory, so the last index is never reached.
                let next = u32::try_from(self.patterns.len()).unwrap_or(u32::MAX);
                let at = self.tree.insert(segments, next) as usize;
                if at == self.patterns.len() {
                    self.patterns.push(route.clone());
                }
                &mut self.patterns[at]
            }
        };
        let is_contested = held.service != route.service;
        if (route.claim, &route.service) < (held.claim, &held.service) {
            *held = route;
        }
        is_contested
    }

    fn free_or_same(&self, mut hash: u64, key: &str) -> u64 {
        while self.exact.get(&hash).is_some_and(|other| *other.key != *key) {
            hash = hash.wrapping_add(1);
        }
        hash
    }

    /// The route of a path without patterns.
    pub(super) fn exact(&self, shard_key: ShardKey, key: &str) -> Option<&Route> {
        self.exact.get(&self.free_or_same(shard_key.exact?, key))
    }

    /// The route of the narrowest pattern that matches.
    pub(super) fn pattern<'a>(&self, segments: impl Iterator<Item = &'a str> + Clone) -> Option<&Route> {
        self.patterns.get(self.tree.find(segments)? as usize)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.exact.len() + self.patterns.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::routes::RouteKind;

    #[test]
    fn two_paths_with_one_hash_are_two_routes() {
        let mut shard = Shard::default();
        let shard_key = ShardKey {
            shard: 0,
            exact: Some(u64::MAX),
        };
        for key in ["/a", "/b", "/c"] {
            let route = Route {
                service: key.into(),
                number: 0,
                kind: RouteKind::Endpoint,
                key: Arc::from(key),
                claim: 0,
            };
            assert!(!shard.insert(shard_key, &[], route));
        }
        for key in ["/a", "/b", "/c"] {
            assert_eq!(shard.exact(shard_key, key).map(|route| &*route.key), Some(key));
        }
        assert_eq!(shard.exact(shard_key, "/d"), None);
    }
}
