//! Idle connections, by address.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use super::surplus::Distrusted;
use crate::registry::instance::Origin;

/// An idle connection is not used any more after this: common servers close theirs after 5 s.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// An idle connection rests this long before it is used again, so that bytes which a service sends late, beyond its answer,
/// are found before they could be taken for the next answer.
const REST: Duration = Duration::from_millis(5);
/// With so many idle connections, the oldest is used although it rested for less.
const CROWD: usize = 64;
/// The most idle connections to one address.
const MAX_IDLE: usize = 512;
/// The same while it is not known whether the service keeps its connections open.
const MAX_UNPROVEN: usize = 80;
/// A service that closes its connections after each answer has done so by then.
const SETTLED: Duration = Duration::from_millis(250);
/// After a service closed an idle connection, its connections are not used for requests that could be lost for this long.
const DISTRUST_AFTER_CLOSE: Duration = Duration::from_secs(10);
/// How long it is remembered of an address without calls whether it keeps its connections.
const REMEMBERED: Duration = Duration::from_secs(600);

/// What came over a connection while no answer was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing: it can be used.
    Quiet,
    /// Its end.
    Ended,
    /// Bytes that belong to no answer.
    Surplus,
}

/// A connection that can be used time after time.
pub(super) trait Reusable: Send + 'static {
    /// Looks at what came, without waiting.
    fn look(&mut self) -> Look;

    /// Closes the connection at once: the system keeps no record of it, so that a service which is called over a new
    /// connection each time uses up no ports.
    fn reset(self);
}

/// What is lost if the idle connection turns out to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Risk {
    /// Time: the request is sent again over another connection.
    Delay,
    /// The request, since it is not known whether the service heard it. Only services that are known to keep their
    /// connections open get it over an idle one.
    Loss,
}

/// Surplus bytes came over one of the connections.
#[derive(Debug, PartialEq, Eq)]
struct Surplus;

/// All idle connections of one runtime.
pub(super) struct IdlePool<C> {
    /// Held for one step, never across an await.
    places: Mutex<HashMap<Origin, Place<C>>>,
    distrusted: Arc<Distrusted>,
}

impl<C: Reusable> IdlePool<C> {
    /// An empty pool. It keeps no connection to what is `distrusted`.
    pub(super) fn new(distrusted: Arc<Distrusted>) -> Arc<Self> {
        Arc::new(Self {
            places: Mutex::default(),
            distrusted,
        })
    }

    /// The connection that was idle for longest, if it has rested and is good as far as is known here.
    pub(super) fn take(&self, origin: &Origin, risk: Risk) -> Option<C> {
        let now = Instant::now();
        if self.distrusted.holds(origin, now) {
            self.close(origin);
            return None;
        }
        let taken = self.lock().get_mut(origin)?.take(risk, now);
        taken.unwrap_or_else(|Surplus| {
            self.found_surplus(origin);
            None
        })
    }

    /// Looks at a connection whose answer has ended, and keeps it for the next request. Call it inside of the runtime.
    pub(super) fn keep(self: &Arc<Self>, origin: &Origin, mut connection: C) {
        let look = connection.look();
        self.keep_seen(origin, connection, look);
    }

    /// Keeps a connection whose answer has ended, where a `look` at it after its last byte has found this much already.
    /// Call it inside of the runtime.
    pub(super) fn keep_seen(self: &Arc<Self>, origin: &Origin, connection: C, look: Look) {
        let now = Instant::now();
        if self.distrusted.holds(origin, now) {
            self.close(origin);
            return connection.reset();
        }
        let mut places = self.lock();
        if places.is_empty() {
            tokio::spawn(sweep(Arc::downgrade(self), IDLE_TIMEOUT));
        }
        let kept = match places.get_mut(origin) {
            Some(place) => place.keep(connection, look, now),
            None => places
                .entry(origin.clone())
                .or_insert_with(|| Place::new(now))
                .keep(connection, look, now),
        };
        drop(places);
        if kept.is_err() {
            self.found_surplus(origin);
        }
    }

    /// Closes all idle connections to an address that sent bytes beyond its answer, and keeps none for a while.
    pub(super) fn found_surplus(&self, origin: &Origin) {
        self.distrusted.report(origin, Instant::now());
        self.close(origin);
    }

    /// Closes the idle connections to an address: one of them had ended when it was used.
    pub(super) fn forget(&self, origin: &Origin) {
        if let Some(place) = self.lock().get_mut(origin) {
            place.idle.clear();
            place.ended(Instant::now());
        }
    }

    fn close(&self, origin: &Origin) {
        if let Some(place) = self.lock().get_mut(origin) {
            place.idle.drain(..).for_each(|one| one.connection.reset());
        }
    }

    /// Lets time pass for all that are idle.
    #[cfg(test)]
    pub(super) fn age(&self, by: Duration) {
        for one in self.lock().values_mut().flat_map(|place| &mut place.idle) {
            one.since -= by;
        }
    }
}

impl<C> IdlePool<C> {
    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Place<C>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes what was idle for too long, `every` so often, as long as there is anything.
async fn sweep<C: Reusable>(pool: Weak<IdlePool<C>>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(pool) = pool.upgrade() else { return };
        let (now, mut surplus) = (Instant::now(), Vec::new());
        let mut places = pool.lock();
        places.retain(|origin, place| {
            place.sweep(now).unwrap_or_else(|Surplus| {
                surplus.push(origin.clone());
                true
            })
        });
        let is_over = places.is_empty();
        drop(places);
        surplus.iter().for_each(|origin| pool.found_surplus(origin));
        if is_over {
            return;
        }
    }
}

/// What is known of one address.
struct Place<C> {
    /// Oldest first.
    idle: VecDeque<Idle<C>>,
    /// Whether idle connections were seen to stay open.
    is_proven: bool,
    /// When an idle one was last found closed.
    ended: Option<Instant>,
    used: Instant,
    /// How many rested connections were left at least after each use since the last sweep.
    spare: usize,
}

struct Idle<C> {
    connection: C,
    since: Instant,
}

impl<C> Idle<C> {
    fn waited(&self, time: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= time
    }
}

impl<C: Reusable> Place<C> {
    fn new(now: Instant) -> Self {
        Self {
            idle: VecDeque::new(),
            is_proven: false,
            ended: None,
            used: now,
            spare: usize::MAX,
        }
    }

    fn take(&mut self, risk: Risk, now: Instant) -> Result<Option<C>, Surplus> {
        self.used = now;
        self.prove(now)?;
        if risk == Risk::Loss && !self.is_proven {
            return Ok(None);
        }
        while let Some(mut one) = self.next(now) {
            match one.connection.look() {
                Look::Quiet => {
                    self.spare = self.spare.min(self.rested(now));
                    return Ok(Some(one.connection));
                }
                Look::Surplus => return Err(Surplus),
                Look::Ended => self.ended(now),
            }
            if risk == Risk::Loss {
                return Ok(None);
            }
        }
        self.spare = 0;
        Ok(None)
    }

    /// How many have rested.
    fn rested(&self, now: Instant) -> usize {
        // Compared with one time: a difference for each step of the search would take ten times as long.
        let before = now.checked_sub(REST);
        self.idle
            .partition_point(|one| before.is_some_and(|before| one.since <= before))
    }

    /// The oldest that may be used. As long as nothing is proven the very oldest stays where it is, to prove it.
    fn next(&mut self, now: Instant) -> Option<Idle<C>> {
        while self.idle.front()?.waited(IDLE_TIMEOUT, now) {
            self.idle.pop_front();
        }
        let first = usize::from(!self.is_proven);
        let oldest = self.idle.get(first)?;
        if self.idle.len() < CROWD && !oldest.waited(REST, now) {
            return None;
        }
        self.idle.remove(first)
    }

    fn keep(&mut self, connection: C, look: Look, now: Instant) -> Result<(), Surplus> {
        self.used = now;
        match look {
            Look::Quiet => {}
            Look::Surplus => return Err(Surplus),
            Look::Ended => {
                self.ended(now);
                return Ok(());
            }
        }
        let most = if self.is_proven { MAX_IDLE } else { MAX_UNPROVEN };
        if self.idle.len() < most {
            let since = now;
            self.idle.push_back(Idle { connection, since });
        }
        Ok(())
    }

    /// Whether there is anything left to know.
    fn sweep(&mut self, now: Instant) -> Result<bool, Surplus> {
        self.look(now)?;
        self.idle.retain(|one| !one.waited(IDLE_TIMEOUT, now));
        // Since the oldest is used first, all are used in turn, and none of too many would ever be idle for long.
        let spare = std::mem::replace(&mut self.spare, usize::MAX);
        if spare != usize::MAX {
            self.idle.drain(..(spare / 2).min(self.idle.len()));
        }
        Ok(!self.idle.is_empty() || now.saturating_duration_since(self.used) < REMEMBERED)
    }

    /// Looks at the idle ones if that can tell something new.
    fn prove(&mut self, now: Instant) -> Result<(), Surplus> {
        let oldest = self.idle.front();
        if !self.is_proven && oldest.is_some_and(|one| one.waited(SETTLED, now)) {
            self.look(now)?;
        }
        Ok(())
    }

    /// Closes those that have ended, and learns from what is left.
    fn look(&mut self, now: Instant) -> Result<(), Surplus> {
        let before = self.idle.len();
        let mut has_surplus = false;
        self.idle.retain_mut(|one| {
            let look = one.connection.look();
            has_surplus |= look == Look::Surplus;
            look == Look::Quiet
        });
        if has_surplus {
            return Err(Surplus);
        }
        if self.idle.len() < before {
            self.ended(now);
        }
        let is_wary = self
            .ended
            .is_some_and(|ended| now.saturating_duration_since(ended) < DISTRUST_AFTER_CLOSE);
        let oldest = self.idle.front();
        self.is_proven |= !is_wary && oldest.is_some_and(|one| one.waited(SETTLED, now));
        Ok(())
    }

    fn ended(&mut self, now: Instant) {
        self.is_proven = false;
        self.ended = Some(now);
    }
}

#[cfg(test)]
#[path = "idle_tests.rs"]
mod tests;
