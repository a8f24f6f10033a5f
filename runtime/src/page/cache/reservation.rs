//! The place in the cache of a request that has no answer yet.
#![deny(clippy::disallowed_methods)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hydra_runtime_wire::{Outcome, keep_good};

use super::{
    CacheEntry, CacheQuery, FragmentCache,
    entry::CachedFragment,
    in_flight::{ResultSender, SharedResult},
};
use crate::page::{answer::Answer, plan::cache_policy::CachePolicy};

/// What a request needs of the cache once its result is known. Dropping it without a result abandons the request: identical
/// requests that wait for it then look again.
#[derive(Debug)]
pub(crate) struct Reservation {
    cache: Arc<FragmentCache>,
    pub(super) key: String,
    policy: CachePolicy,
    /// The exports that the request asks for.
    exports: Vec<Arc<str>>,
    /// What may be shown if the owner fails.
    stale: Option<Arc<CachedFragment>>,
    /// Where the result goes, for identical requests that wait for this one. `None`: no request may wait for it.
    pub(super) result: Option<ResultSender>,
}

impl Reservation {
    pub(super) fn new(
        cache: Arc<FragmentCache>,
        key: String,
        query: &CacheQuery<'_>,
        stale: Option<Arc<CachedFragment>>,
    ) -> Self {
        Self {
            cache,
            key,
            policy: query.policy,
            exports: query.exports.to_vec(),
            stale,
            result: None,
        }
    }

    /// The answer to show where the owner's is `answer`. `is_for_all`: no login and no session of the visitor went into it.
    pub(crate) fn conclude(mut self, answer: Answer, is_for_all: bool, now: Instant) -> Answer {
        match answer.outcome {
            Outcome::Rendered | Outcome::Cached => {
                let may_keep = is_for_all && answer.max_age != Some(0);
                match self.cached(&answer, now).filter(|_| may_keep) {
                    Some(fragment) => {
                        self.keep(&fragment, now);
                        self.publish(SharedResult::Answer(fragment));
                    }
                    None => {
                        self.keep_private(now);
                        self.publish(SharedResult::Private);
                    }
                }
                answer
            }
            Outcome::Failed | Outcome::Inactive => {
                self.publish(SharedResult::Failed(answer.outcome, answer.reason.clone()));
                self.stale_or(answer, now)
            }
            // Nothing is published, so that dropping the reservation makes the waiting requests look again. They may
            // have more time: one of them asks the owner, and the others wait for that one.
            Outcome::Late => self.stale_or(answer, now),
            Outcome::Refused | Outcome::Stale => {
                self.publish(SharedResult::Private);
                answer
            }
        }
    }

    /// The answer to show where `answer` says that time is up, and the reservation for an answer that still comes: it is
    /// kept, but no request waits for it.
    pub(crate) fn late(mut self, answer: Answer, now: Instant) -> (Answer, Self) {
        self.leave();
        (self.stale_or(answer, now), self)
    }

    /// The answer to show after a wait for an identical request that ended with `result`. An error says that there is none:
    /// with a reservation, the request asks the owner by itself; without one, it looks into the cache again.
    pub(crate) fn after_wait(mut self, result: SharedResult, now: Instant) -> Result<Answer, Option<Self>> {
        match result {
            SharedResult::Answer(fragment) => {
                let left = fragment.is_fresh_for(self.policy, now).unwrap_or_default();
                Ok(fragment.answer(Outcome::Cached, None, left))
            }
            SharedResult::Failed(outcome, reason) => {
                let answer = Answer {
                    outcome,
                    reason,
                    ..Answer::default()
                };
                Ok(self.stale_or(answer, now))
            }
            SharedResult::Private => Err(Some(self)),
            SharedResult::Abandoned | SharedResult::TooLong => Err(None),
        }
    }

    fn stale_or(&mut self, answer: Answer, now: Instant) -> Answer {
        match self.stale.take() {
            Some(fragment) => fragment.instead_of(answer, now),
            None => answer,
        }
    }

    /// The answer as the cache may keep it: without exports that the request did not ask for.
    fn cached(&self, answer: &Answer, now: Instant) -> Option<Arc<CachedFragment>> {
        let exports = answer
            .exports
            .iter()
            .filter(|(name, _)| self.exports.iter().any(|wanted| **wanted == **name));
        let mut assets = answer.assets.to_vec();
        keep_good(&mut assets);
        Some(Arc::new(CachedFragment {
            assets: assets.into_boxed_slice(),
            html: answer.html.clone()?,
            exports: exports
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            born: now,
            max_age: answer.max_age.map(Duration::from_millis),
        }))
    }

    fn keep(&self, fragment: &Arc<CachedFragment>, now: Instant) {
        let Some(until) = fragment.serves_until(self.policy).filter(|until| *until > now) else {
            return;
        };
        let mut inner = self.cache.lock();
        let before = inner.entries.get(&self.key, now).cloned().unwrap_or_default();
        // Another tag may want it for longer than this one.
        let until = before.kept_until.map_or(until, |before| before.max(until));
        let older = before
            .fallback
            .filter(|older| fragment.is_momentary() && older.serves_until(self.policy) > Some(now));
        let entry = CacheEntry {
            latest: Some(fragment.clone()),
            fallback: Some(older.unwrap_or_else(|| fragment.clone())),
            kept_until: Some(until),
            private_until: None,
        };
        let size = entry.size();
        inner.entries.put(&self.key, entry, size, until);
        self.cache.measure(&inner);
    }

    /// Remembers that answers for this key are for one visitor each. What is kept for the key stays.
    fn keep_private(&self, now: Instant) {
        let private_until = now.checked_add(self.policy.cache);
        let Some(private_until) = private_until.filter(|until| *until > now) else {
            return;
        };
        let mut inner = self.cache.lock();
        let before = inner.entries.get(&self.key, now).cloned().unwrap_or_default();
        let until = before
            .kept_until
            .map_or(private_until, |kept| kept.max(private_until));
        let size = before.size();
        let entry = CacheEntry {
            private_until: Some(private_until),
            ..before
        };
        inner.entries.put(&self.key, entry, size, until);
        self.cache.measure(&inner);
    }

    /// Tells the requests that wait. The cache holds the answer before: a request that comes later must not ask again.
    fn publish(&mut self, result: SharedResult) {
        if let Some(sender) = self.leave() {
            sender.send_replace(Some(result));
        }
    }

    /// From now on no new request waits for this one. Where another has taken its place before, that one goes on.
    fn leave(&mut self) -> Option<ResultSender> {
        let sender = self.result.take()?;
        let mut inner = self.cache.lock();
        let current = inner.in_flight.get(&self.key);
        if current.is_some_and(|current| current.belongs_to(&sender)) {
            inner.in_flight.remove(&self.key);
        }
        Some(sender)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.leave();
    }
}
