//! Answers that are used again (design section 3.2, `cache` and `stale`): bounded, and shared by all requests of an engine.
//!
//! What is kept is for everybody: who is known to the owner neither gets it nor adds to it, see [`Everybody`]. While one
//! request asks for what has run out, others that would ask the same wait for its answer. They do so for a time: who asks
//! makes progress only while its visitor reads, and one who does not must not take a fragment from all others.
#![deny(clippy::disallowed_methods)]

mod key;
mod reservation;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use hydra_runtime_net::shelf::{Shelf, size_of_attributes};
use hydra_runtime_wire::{Asset, Attributes, Outcome, in_milliseconds};
use tokio::sync::watch;

pub(crate) use self::{
    key::{Everybody, Wanted},
    reservation::Held,
};
use crate::page::{
    answer::{Answer, StaleCopy},
    plan::cache_policy::Terms,
    report::{event::MOMENT, reason::Reason},
};

/// The answers that are kept.
#[derive(Debug)]
pub(crate) struct Reuse(Mutex<Inner>);

/// Held for one look-up or one change, never across an await.
#[derive(Debug)]
struct Inner {
    shelf: Shelf<Known>,
    /// What is being asked for, by key.
    flights: HashMap<String, Flight>,
}

/// An ask that others wait for.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub(crate) landing: watch::Receiver<Option<Landing>>,
    /// Then whoever still waits, or comes, takes its place.
    pub(crate) until: Instant,
}

/// What is known of a key.
#[derive(Clone, Debug, Default)]
struct Known {
    kept: Option<Arc<KeptAnswer>>,
    /// What serves where the owner fails: the same, or an older one that was whole.
    lasting: Option<Arc<KeptAnswer>>,
    kept_until: Option<Instant>,
    /// Until then nobody waits for another's answer: the last one was not for everybody.
    alone_until: Option<Instant>,
}

/// An answer that may be used again.
#[derive(Debug)]
pub(crate) struct KeptAnswer {
    html: Bytes,
    exports: Attributes,
    assets: Box<[Asset]>,
    born: Instant,
    /// How long its owner lets it be used.
    max_age: Option<Duration>,
}

/// What came of an ask that others wait for.
#[derive(Clone, Debug)]
pub(crate) enum Landing {
    /// An answer for everybody.
    Kept(Arc<KeptAnswer>),
    /// The owner gave none.
    Failed(Outcome, Option<Reason>),
    /// An answer, but not for others: they ask themselves.
    Alone,
}

/// What becomes of an ask.
pub(crate) enum Look {
    /// It has its answer.
    Fresh(Answer),
    /// It must be asked.
    Ask(Held),
    /// Another is asking the same.
    Wait(Held, Flight),
}

impl Reuse {
    /// Keeps up to `max_bytes`. `None`: nothing is ever kept.
    pub(crate) fn new(max_bytes: usize) -> Option<Arc<Self>> {
        let inner = Inner {
            shelf: Shelf::new(max_bytes),
            flights: HashMap::new(),
        };
        (max_bytes > 0).then(|| Arc::new(Self(Mutex::new(inner))))
    }

    /// What is to be done for `wanted`. `until`: as long others wait for it if it is the one that asks. `None`: it
    /// neither waits nor is waited for.
    pub(crate) fn look(self: &Arc<Self>, wanted: &Wanted<'_>, until: Option<Instant>, now: Instant) -> Look {
        let (terms, key) = (wanted.terms, wanted.key());
        let mut inner = self.lock();
        let known = inner.shelf.get(&key, now).cloned().unwrap_or_default();
        if let Some(kept) = &known.kept
            && let Some(left) = kept.is_fresh_for(terms, now)
        {
            return Look::Fresh(kept.answer(Outcome::Cached, None, left));
        }
        let stale = known.lasting.filter(|kept| kept.serves_until(terms) > Some(now));
        let mut held = Held::new(self.clone(), key, wanted, stale);
        let is_alone = known.alone_until.is_some_and(|until| now < until);
        let Some(until) = until.filter(|_| !is_alone && !terms.cache.is_zero()) else {
            return Look::Ask(held);
        };
        if let Some(flight) = inner.flights.get(&held.key).filter(|flight| now < flight.until) {
            return Look::Wait(held, flight.clone());
        }
        let (sender, landing) = watch::channel(None);
        inner.flights.insert(held.key.clone(), Flight { landing, until });
        held.flight = Some(sender);
        Look::Ask(held)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// How many bytes it takes, roughly.
    fn size(&self) -> usize {
        let size = |kept: &Option<Arc<KeptAnswer>>| kept.as_ref().map_or(0, |kept| kept.size());
        match (&self.kept, &self.lasting) {
            (Some(kept), Some(lasting)) if Arc::ptr_eq(kept, lasting) => kept.size(),
            (kept, lasting) => size(kept) + size(lasting),
        }
    }
}

impl KeptAnswer {
    /// How many bytes it takes, roughly.
    fn size(&self) -> usize {
        let assets: usize = self
            .assets
            .iter()
            .map(|asset| size_of::<Asset>() + asset.href.len())
            .sum();
        self.html.len() + size_of_attributes(&self.exports) + assets
    }

    /// How long it is as good as a new one, and what is left of that. `None`: it is over.
    fn is_fresh_for(&self, terms: Terms, now: Instant) -> Option<Duration> {
        let left = self
            .fresh_until(terms)?
            .checked_duration_since(now)
            .filter(|left| !left.is_zero())?;
        Some(left)
    }

    fn fresh_until(&self, terms: Terms) -> Option<Instant> {
        let life = self
            .max_age
            .map_or(terms.cache, |max_age| max_age.min(terms.cache));
        self.born.checked_add(life)
    }

    /// Whether it is to be used for so short a time that it is not whole, or as good as over.
    fn is_for_a_moment(&self) -> bool {
        self.max_age
            .is_some_and(|max_age| in_milliseconds(max_age) <= MOMENT)
    }

    /// Until when it may be shown if its owner fails.
    fn serves_until(&self, terms: Terms) -> Option<Instant> {
        self.fresh_until(terms)?.checked_add(terms.stale)
    }

    /// It, as an answer that whoever gets it may use for `left` more.
    pub(crate) fn answer(&self, outcome: Outcome, reason: Option<Reason>, left: Duration) -> Answer {
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

    /// It, in place of the answer that `now` came to nothing.
    fn instead_of(&self, missing: Answer, now: Instant) -> Answer {
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
