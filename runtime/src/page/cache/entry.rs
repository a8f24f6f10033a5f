//! What the cache keeps for one key: the last answer, and an older one that serves where the owner fails.
#![deny(clippy::disallowed_methods)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use hydra_runtime_net::lru_cache::size_of_attributes;
use hydra_runtime_wire::{Asset, Attributes, Outcome, in_milliseconds};

use crate::page::{
    answer::{Answer, StaleCopy},
    plan::cache_policy::CachePolicy,
    report::{event::MOMENT_MILLISECONDS, reason::Reason},
};

/// What the cache knows for one key.
#[derive(Clone, Debug, Default)]
pub(super) struct CacheEntry {
    /// The last answer.
    pub(super) latest: Option<Arc<CachedFragment>>,
    /// What serves where the owner fails: the last answer, or an older one that was whole.
    pub(super) fallback: Option<Arc<CachedFragment>>,
    pub(super) kept_until: Option<Instant>,
    /// Until then no request waits for an identical one, as the last answer was for one visitor only.
    pub(super) private_until: Option<Instant>,
}

/// An answer that may be used again.
#[derive(Debug)]
pub(crate) struct CachedFragment {
    pub(super) html: Bytes,
    pub(super) exports: Attributes,
    pub(super) assets: Box<[Asset]>,
    pub(super) born: Instant,
    /// How long its owner lets it be used.
    pub(super) max_age: Option<Duration>,
}

impl CacheEntry {
    /// How many bytes it takes, roughly.
    pub(super) fn size(&self) -> usize {
        let size =
            |fragment: &Option<Arc<CachedFragment>>| fragment.as_ref().map_or(0, |fragment| fragment.size());
        match (&self.latest, &self.fallback) {
            (Some(latest), Some(fallback)) if Arc::ptr_eq(latest, fallback) => latest.size(),
            (latest, fallback) => size(latest) + size(fallback),
        }
    }
}

impl CachedFragment {
    /// How many bytes it takes, roughly.
    fn size(&self) -> usize {
        let assets: usize = self
            .assets
            .iter()
            .map(|asset| size_of::<Asset>() + asset.href.len())
            .sum();
        self.html.len() + size_of_attributes(&self.exports) + assets
    }

    /// How much longer it is as good as a new answer. `None`: it is not any more.
    pub(super) fn is_fresh_for(&self, policy: CachePolicy, now: Instant) -> Option<Duration> {
        self.fresh_until(policy)?
            .checked_duration_since(now)
            .filter(|left| !left.is_zero())
    }

    fn fresh_until(&self, policy: CachePolicy) -> Option<Instant> {
        let life = self
            .max_age
            .map_or(policy.cache, |max_age| max_age.min(policy.cache));
        self.born.checked_add(life)
    }

    /// Whether a part of it is probably missing: its owner gives such an answer a `max_age` of at most
    /// `MOMENT_MILLISECONDS`.
    pub(super) fn is_momentary(&self) -> bool {
        self.max_age
            .is_some_and(|max_age| in_milliseconds(max_age) <= MOMENT_MILLISECONDS)
    }

    /// Until when it may be shown where its owner fails.
    pub(super) fn serves_until(&self, policy: CachePolicy) -> Option<Instant> {
        self.fresh_until(policy)?.checked_add(policy.stale)
    }

    /// It, as an answer that may be used for `left` more.
    pub(super) fn answer(&self, outcome: Outcome, reason: Option<Reason>, left: Duration) -> Answer {
        Answer {
            outcome,
            html: Some(self.html.clone()),
            exports: self.exports.clone(),
            assets: self.assets.clone(),
            reason,
            max_age: Some(in_milliseconds(left)),
            copy: None,
        }
    }

    /// It, in place of `missing`, an answer without HTML that came at `now`.
    pub(super) fn instead_of(&self, missing: Answer, now: Instant) -> Answer {
        let copy = StaleCopy {
            outcome: missing.outcome,
            age: now.saturating_duration_since(self.born),
            max_age: self.max_age,
        };
        Answer {
            copy: Some(copy),
            ..self.answer(Outcome::Stale, missing.reason, Duration::ZERO)
        }
    }
}
