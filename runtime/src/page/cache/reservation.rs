//! An ask that is under way, as far as what is kept concerns it.
#![deny(clippy::disallowed_methods)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hydra_runtime_wire::{Outcome, keep_good};
use tokio::sync::watch;

use crate::page::cache::{Answer, KeptAnswer, Known, Landing, Reuse, Wanted};
use crate::page::plan::cache_policy::Terms;

/// What belongs to an ask until it has its answer.
#[derive(Debug)]
pub(crate) struct Held {
    reuse: Arc<Reuse>,
    pub(super) key: String,
    terms: Terms,
    /// The exports that are asked for.
    exports: Vec<Arc<str>>,
    /// What may be shown if the owner fails.
    stale: Option<Arc<KeptAnswer>>,
    /// Those who wait for this answer.
    pub(super) flight: Option<watch::Sender<Option<Landing>>>,
}

impl Held {
    pub(super) fn new(
        reuse: Arc<Reuse>,
        key: String,
        wanted: &Wanted<'_>,
        stale: Option<Arc<KeptAnswer>>,
    ) -> Self {
        Self {
            reuse,
            key,
            terms: wanted.terms,
            exports: wanted.exports.to_vec(),
            stale,
            flight: None,
        }
    }

    /// The answer to show where `answer` came. `is_for_everybody`: nothing that is one visitor's went into it.
    pub(crate) fn conclude(mut self, answer: Answer, is_for_everybody: bool, now: Instant) -> Answer {
        match answer.outcome {
            Outcome::Rendered | Outcome::Cached => {
                let may_keep = is_for_everybody && answer.max_age != Some(0);
                match self.kept(&answer, now).filter(|_| may_keep) {
                    Some(kept) => {
                        self.keep(&kept, now);
                        self.land(Landing::Kept(kept));
                    }
                    None => {
                        self.keep_alone(now);
                        self.land(Landing::Alone);
                    }
                }
                answer
            }
            Outcome::Failed | Outcome::Inactive => {
                self.land(Landing::Failed(answer.outcome, answer.reason.clone()));
                self.stale_or(answer, now)
            }
            // Another may have more patience: it asks itself, and those who are left wait for that.
            Outcome::Late => self.stale_or(answer, now),
            Outcome::Refused | Outcome::Stale => {
                self.land(Landing::Alone);
                answer
            }
        }
    }

    /// The answer to show where `answer` says that it is late. What is left keeps the answer if that still comes; nobody
    /// waits for it.
    pub(crate) fn late(mut self, answer: Answer, now: Instant) -> (Answer, Self) {
        self.end_flight();
        (self.stale_or(answer, now), self)
    }

    /// The answer to show where another's is the same.
    pub(crate) fn same(self, kept: &KeptAnswer, now: Instant) -> Answer {
        let left = kept.is_fresh_for(self.terms, now).unwrap_or_default();
        kept.answer(Outcome::Cached, None, left)
    }

    fn stale_or(&mut self, answer: Answer, now: Instant) -> Answer {
        match self.stale.take() {
            Some(kept) => kept.instead_of(answer, now),
            None => answer,
        }
    }

    /// The answer as it may be kept: without exports that were not asked for.
    fn kept(&self, answer: &Answer, now: Instant) -> Option<Arc<KeptAnswer>> {
        let exports = answer
            .exports
            .iter()
            .filter(|(name, _)| self.exports.iter().any(|asked| **asked == **name));
        let mut assets = answer.assets.to_vec();
        keep_good(&mut assets);
        Some(Arc::new(KeptAnswer {
            assets: assets.into_boxed_slice(),
            html: answer.html.clone()?,
            exports: exports
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            born: now,
            max_age: answer.max_age.map(Duration::from_millis),
        }))
    }

    fn keep(&self, kept: &Arc<KeptAnswer>, now: Instant) {
        let Some(until) = kept.serves_until(self.terms).filter(|until| *until > now) else {
            return;
        };
        let mut inner = self.reuse.lock();
        let before = inner.shelf.get(&self.key, now).cloned().unwrap_or_default();
        // Another tag may want it for longer than this one.
        let until = before.kept_until.map_or(until, |before| before.max(until));
        let older = before
            .lasting
            .filter(|older| kept.is_for_a_moment() && older.serves_until(self.terms) > Some(now));
        let known = Known {
            kept: Some(kept.clone()),
            lasting: Some(older.unwrap_or_else(|| kept.clone())),
            kept_until: Some(until),
            alone_until: None,
        };
        let size = known.size();
        inner.shelf.put(&self.key, known, size, until);
    }

    /// Remembers that answers to this are not for others. What was kept stays what it was.
    fn keep_alone(&self, now: Instant) {
        let Some(alone_until) = now.checked_add(self.terms.cache).filter(|until| *until > now) else {
            return;
        };
        let mut inner = self.reuse.lock();
        let before = inner.shelf.get(&self.key, now).cloned().unwrap_or_default();
        let until = before
            .kept_until
            .map_or(alone_until, |kept| kept.max(alone_until));
        let size = before.size();
        let known = Known {
            alone_until: Some(alone_until),
            ..before
        };
        inner.shelf.put(&self.key, known, size, until);
    }

    /// Tells those who wait. What is kept is there before: who comes later must not ask again.
    fn land(&mut self, landing: Landing) {
        if let Some(flight) = self.flight.take() {
            self.end(&flight);
            flight.send_replace(Some(landing));
        }
    }

    fn end_flight(&mut self) {
        if let Some(flight) = self.flight.take() {
            self.end(&flight);
        }
    }

    /// Nobody who comes now waits for it. Another may have taken its place before: that one goes on.
    fn end(&self, flight: &watch::Sender<Option<Landing>>) {
        let mut inner = self.reuse.lock();
        let current = inner.flights.get(&self.key);
        if current.is_some_and(|current| current.landing.same_channel(&flight.subscribe())) {
            inner.flights.remove(&self.key);
        }
    }
}

/// Whoever waits learns of it by the end of the channel, and asks itself.
impl Drop for Held {
    fn drop(&mut self) {
        self.end_flight();
    }
}
