//! The connections to each address that wait for their next use.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use crate::gateway::registration::Origin;

/// An idle connection is not used any more after this: common servers close theirs after 5 s.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// The most idle connections to one address.
const MAX_IDLE: usize = 512;
/// The same while nobody knows whether it keeps them open.
const MAX_UNPROVEN: usize = 32;
/// A service that closes its connections after each answer has done so by then.
const SETTLED: Duration = Duration::from_millis(250);
/// So long after a service closed a connection that waited, it may do so again.
const WARY: Duration = Duration::from_secs(10);
/// So long it is remembered of an address that nobody calls whether it keeps its connections.
const REMEMBERED: Duration = Duration::from_secs(600);

/// A connection that can be used time after time.
pub(super) trait Reusable: Send + 'static {
    /// Whether nothing came over it that nobody asked for, its end above all.
    fn is_quiet(&mut self) -> bool;
}

/// What a request risks on a connection that the service may be closing right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Risk {
    /// It is sent again over another one.
    Delay,
    /// It is lost, since nobody knows whether it was heard. Only services that are known to keep their connections open
    /// get it over one that waited.
    Loss,
}

/// All connections of one runtime. Held for one step, never across an await.
pub(super) struct Lot<C>(Mutex<HashMap<Origin, Place<C>>>);

impl<C> Default for Lot<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C: Reusable> Lot<C> {
    /// The connection that waited least, if it is still good as far as is known here.
    pub(super) fn take(&self, origin: &Origin, risk: Risk) -> Option<C> {
        self.lock().get_mut(origin)?.take(risk, Instant::now())
    }

    /// Keeps a connection for the next request. Call it inside of the runtime.
    pub(super) fn keep(self: &Arc<Self>, origin: &Origin, connection: C) {
        let now = Instant::now();
        let mut lot = self.lock();
        if lot.is_empty() {
            tokio::spawn(sweep(Arc::downgrade(self), IDLE_TIMEOUT));
        }
        match lot.get_mut(origin) {
            Some(place) => place.keep(connection, now),
            None => lot
                .entry(origin.clone())
                .or_insert_with(|| Place::new(now))
                .keep(connection, now),
        }
    }

    /// Closes the connections to an address that wait: one of them had ended when it was used.
    pub(super) fn forget(&self, origin: &Origin) {
        if let Some(place) = self.lock().get_mut(origin) {
            place.waiting.clear();
            place.ended(Instant::now());
        }
    }

    /// Lets time pass for all that wait.
    #[cfg(test)]
    pub(super) fn age(&self, by: Duration) {
        for one in self.lock().values_mut().flat_map(|place| &mut place.waiting) {
            one.since -= by;
        }
    }
}

impl<C> Lot<C> {
    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Place<C>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes what waited too long, `every` so often, as long as there is anything.
async fn sweep<C: Reusable>(lot: Weak<Lot<C>>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(lot) = lot.upgrade() else { return };
        let now = Instant::now();
        let mut places = lot.lock();
        places.retain(|_, place| place.sweep(now));
        if places.is_empty() {
            return;
        }
    }
}

/// What is known of one address.
struct Place<C> {
    /// Newest last.
    waiting: Vec<Waiting<C>>,
    /// Whether connections that waited were seen to stay open.
    is_proven: bool,
    /// When one that waited was last found closed.
    ended: Option<Instant>,
    used: Instant,
}

struct Waiting<C> {
    connection: C,
    since: Instant,
}

impl<C> Waiting<C> {
    fn waited(&self, time: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= time
    }
}

impl<C: Reusable> Place<C> {
    fn new(now: Instant) -> Self {
        Self {
            waiting: Vec::new(),
            is_proven: false,
            ended: None,
            used: now,
        }
    }

    fn take(&mut self, risk: Risk, now: Instant) -> Option<C> {
        self.used = now;
        self.prove(now);
        if risk == Risk::Loss && !self.is_proven {
            return None;
        }
        while let Some(mut one) = self.waiting.pop() {
            if one.waited(IDLE_TIMEOUT, now) {
                // The others have waited for even longer.
                self.waiting.clear();
                return None;
            }
            if one.connection.is_quiet() {
                return Some(one.connection);
            }
            self.ended(now);
            if risk == Risk::Loss {
                return None;
            }
        }
        None
    }

    fn keep(&mut self, connection: C, now: Instant) {
        self.used = now;
        let most = if self.is_proven { MAX_IDLE } else { MAX_UNPROVEN };
        if self.waiting.len() < most {
            let since = now;
            self.waiting.push(Waiting { connection, since });
        }
    }

    /// Whether there is anything left to know.
    fn sweep(&mut self, now: Instant) -> bool {
        self.look(now);
        self.waiting.retain(|one| !one.waited(IDLE_TIMEOUT, now));
        !self.waiting.is_empty() || now.saturating_duration_since(self.used) < REMEMBERED
    }

    /// Looks at those that wait if that can tell something new.
    fn prove(&mut self, now: Instant) {
        let oldest = self.waiting.first();
        if !self.is_proven && oldest.is_some_and(|one| one.waited(SETTLED, now)) {
            self.look(now);
        }
    }

    /// Closes those that have ended, and learns from what is left.
    fn look(&mut self, now: Instant) {
        let before = self.waiting.len();
        self.waiting.retain_mut(|one| one.connection.is_quiet());
        if self.waiting.len() < before {
            self.ended(now);
        }
        let is_wary = self
            .ended
            .is_some_and(|ended| now.saturating_duration_since(ended) < WARY);
        let oldest = self.waiting.first();
        self.is_proven |= !is_wary && oldest.is_some_and(|one| one.waited(SETTLED, now));
    }

    fn ended(&mut self, now: Instant) {
        self.is_proven = false;
        self.ended = Some(now);
    }
}

#[cfg(test)]
#[path = "lot_tests.rs"]
mod tests;
