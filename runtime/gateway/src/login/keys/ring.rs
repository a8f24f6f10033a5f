//! Which key signs, and which keys verify, at a given time.
#![deny(clippy::disallowed_methods)]

use std::sync::Arc;

use hydra_runtime_wire::{
    limits::MAX_LOGIN_KEYS,
    login::{LoginKeyPair, LoginKeys},
};
use serde_json::{Value, json};

use super::KeyRecord;
use crate::limits::LOGIN_KEY_LEAD_SECS;

/// The keys of an installation at one time.
#[derive(Debug, Default)]
pub(crate) struct KeyRing {
    /// Oldest first. The keys that still verify, and the one that will sign next.
    keys: Vec<RingKey>,
    /// The JWK set with all of them.
    set: Value,
    verifying: LoginKeys,
}

#[derive(Clone, Debug)]
struct RingKey {
    generation: u64,
    signs_from: u64,
    pair: Arc<LoginKeyPair>,
}

impl KeyRing {
    /// The keys among `records` that count at `now`. A key verifies until the last token that it signed has ended,
    /// `overlap` seconds after the next key began to sign. Keys of `known` are not parsed again. Records that are
    /// damaged are left out.
    pub(crate) fn new(records: &[KeyRecord], known: &Self, audience: &str, now: u64, overlap: u64) -> Self {
        let parsed = records.iter().filter_map(|record| known.parsed(record));
        let mut keys: Vec<RingKey> = parsed.collect();
        let times: Vec<(u64, u64)> = keys.iter().map(|key| (key.generation, key.signs_from)).collect();
        keys.retain(|key| !is_retired(key.generation, &times, now, overlap));
        keys.sort_by_key(|key| key.generation);
        // The newest ones are those that sign.
        let surplus = keys.len().saturating_sub(MAX_LOGIN_KEYS);
        keys.drain(..surplus);
        let set = json!({ "keys": keys.iter().map(|key| key.pair.jwk()).collect::<Vec<_>>() });
        Self {
            verifying: LoginKeys::of_set(&set, audience),
            set,
            keys,
        }
    }

    fn parsed(&self, record: &KeyRecord) -> Option<RingKey> {
        let known = self.keys.iter().find(|key| key.generation == record.generation);
        let pair = match known {
            Some(known) if known.signs_from == record.signs_from => Arc::clone(&known.pair),
            _ => Arc::new(record.pair()?),
        };
        Some(RingKey {
            generation: record.generation,
            signs_from: record.signs_from,
            pair,
        })
    }

    /// The key that signs at `now`: the newest that has begun to, or else the oldest. `None`: there is no key.
    pub(crate) fn signing(&self, now: u64) -> Option<&Arc<LoginKeyPair>> {
        let begun = self.keys.iter().rev().find(|key| key.signs_from <= now);
        begun.or(self.keys.first()).map(|key| &key.pair)
    }

    /// The key with this id.
    pub(crate) fn of_id(&self, kid: &str) -> Option<&Arc<LoginKeyPair>> {
        self.keys
            .iter()
            .map(|key| &key.pair)
            .find(|pair| pair.kid() == kid)
    }

    /// The newest key, which every set that was given out after its creation has.
    pub(crate) fn newest(&self) -> Option<&str> {
        self.keys.last().map(|key| key.pair.kid())
    }

    /// The JWK set of the keys that verify.
    pub(crate) fn set(&self) -> &Value {
        &self.set
    }

    /// The keys that verify.
    pub(crate) fn verifying(&self) -> &LoginKeys {
        &self.verifying
    }

    /// Whether it has the same keys.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let generations = |ring: &Self| -> Vec<(u64, u64)> {
            ring.keys
                .iter()
                .map(|key| (key.generation, key.signs_from))
                .collect()
        };
        generations(self) == generations(other)
    }
}

/// Whether no valid token can be signed with the key of this generation any more. `times` are the generation of each key,
/// and from when on it signs.
fn is_retired(generation: u64, times: &[(u64, u64)], now: u64, overlap: u64) -> bool {
    let next = times
        .iter()
        .filter(|(other, _)| *other > generation)
        .map(|(_, from)| *from)
        .min();
    next.is_some_and(|next| next.saturating_add(overlap) < now)
}

/// The generations of the keys that verify nothing any more, since `grace` seconds at least.
pub(crate) fn retired(records: &[KeyRecord], now: u64, grace: u64) -> Vec<u64> {
    let times: Vec<(u64, u64)> = records
        .iter()
        .map(|record| (record.generation, record.signs_from))
        .collect();
    let generations = times.iter().map(|(generation, _)| *generation);
    generations
        .filter(|generation| is_retired(*generation, &times, now, grace))
        .collect()
}

/// Whether a new key must be made: there is none, or the newest is older than `life` seconds.
pub(crate) fn is_key_needed(records: &[KeyRecord], now: u64, life: u64) -> bool {
    let newest = records.iter().map(|record| record.created).max();
    newest.is_none_or(|created| created.saturating_add(life) <= now)
}

/// The record for one more key. It is published now and signs later, so that all services know it when its first
/// token comes; the first key of an installation signs at once. `None`: the pair can't be written, or a record has the highest
/// generation that there is.
pub(crate) fn next(records: &[KeyRecord], pair: &LoginKeyPair, now: u64) -> Option<KeyRecord> {
    let newest = records.iter().map(|record| record.generation).max();
    let lead = if newest.is_some() { LOGIN_KEY_LEAD_SECS } else { 0 };
    let generation = newest.unwrap_or(0).checked_add(1)?;
    KeyRecord::of(pair, generation, now, now.saturating_add(lead))
}

#[cfg(test)]
mod tests;
