//! Idle connections, by address.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use foldhash::fast::RandomState;
use hydra_runtime_net::metrics::LazyCounter;
use metrics::Key;

use super::distrusted_addresses::Distrusted;
use crate::{
    limits::{
        ADDRESS_REMEMBERED, CROWDED_IDLE_CONNECTIONS, DISTRUST_AFTER_CLOSE, IDLE_REST, IDLE_TIMEOUT,
        MAX_IDLE_CONNECTIONS, MAX_UNPROVEN_CONNECTIONS, PROVEN_AFTER,
    },
    registry::instance::PoolKey,
};

/// The state of an idle connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdleState {
    /// No bytes arrived: the connection can be used.
    Quiet,
    /// The service closed the connection.
    Ended,
    /// Bytes arrived that belong to no answer.
    Surplus,
}

/// A connection that can be used again.
pub(super) trait Reusable: Send + 'static {
    /// Checks the state of the connection, without waiting.
    fn check(&mut self) -> IdleState;

    /// Closes the connection at once, without a record of it in the system: a service that is called over a new
    /// connection each time must not use up ports.
    fn reset(self);
}

/// What is lost if the idle connection turns out to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Risk {
    /// Only time: the request is sent again over another connection.
    Delay,
    /// The request, since it is unknown whether the service received it. It is sent over an idle connection only if
    /// the service is known to keep its connections open.
    Loss,
}

/// Surplus bytes arrived over one of the connections.
#[derive(Debug, PartialEq, Eq)]
struct Surplus;

type Addresses<C> = HashMap<PoolKey, AddressPool<C>, RandomState>;

/// All idle connections of one runtime.
pub(super) struct IdlePool<C> {
    /// The lock is held for one step, never across an await.
    addresses: Mutex<Addresses<C>>,
    distrusted: Arc<Distrusted>,
    reused: LazyCounter,
}

impl<C: Reusable> IdlePool<C> {
    /// An empty pool. It keeps no connections to `distrusted` addresses.
    pub(super) fn new(distrusted: Arc<Distrusted>) -> Arc<Self> {
        Arc::new(Self {
            addresses: Mutex::default(),
            distrusted,
            reused: LazyCounter::new(Key::from_static_name("hydra_upstream_reused_total")),
        })
    }

    /// The longest idle connection, if it has rested and is usable as far as this process knows.
    pub(super) fn take(&self, key: &PoolKey, risk: Risk) -> Option<C> {
        let now = Instant::now();
        if self.distrusted.holds(key, now) {
            self.close(key);
            return None;
        }
        let taken = self.lock().get_mut(key)?.take(risk, now);
        let taken = taken.unwrap_or_else(|Surplus| {
            self.found_surplus(key);
            None
        });
        if taken.is_some() {
            self.reused.increment(1);
        }
        taken
    }

    /// Checks a connection whose answer has ended, and keeps it for the next request. Call it inside of the runtime.
    pub(super) fn keep(self: &Arc<Self>, key: &PoolKey, mut connection: C) {
        let state = connection.check();
        self.keep_checked(key, connection, state);
    }

    /// Keeps a connection whose answer has ended. `state` is the state after its last byte, if the caller knows it
    /// already. Call it inside of the runtime.
    pub(super) fn keep_checked(self: &Arc<Self>, key: &PoolKey, connection: C, state: IdleState) {
        let now = Instant::now();
        if self.distrusted.holds(key, now) {
            self.close(key);
            return connection.reset();
        }
        let mut addresses = self.lock();
        if addresses.is_empty() {
            tokio::spawn(sweep(Arc::downgrade(self), IDLE_TIMEOUT));
        }
        let kept = match addresses.get_mut(key) {
            Some(pool) => pool.keep(connection, state, now),
            None => addresses
                .entry(key.clone())
                .or_insert_with(|| AddressPool::new(now))
                .keep(connection, state, now),
        };
        drop(addresses);
        if kept.is_err() {
            self.found_surplus(key);
        }
    }

    /// Closes all idle connections to an address that sent bytes beyond its answer, and keeps none for a while.
    pub(super) fn found_surplus(&self, key: &PoolKey) {
        self.distrusted.report(key, Instant::now());
        self.close(key);
    }

    /// Closes the idle connections to an address, one of which turned out to be closed when it was used.
    pub(super) fn forget(&self, key: &PoolKey) {
        if let Some(pool) = self.lock().get_mut(key) {
            pool.idle.clear();
            pool.ended(Instant::now());
        }
    }

    fn close(&self, key: &PoolKey) {
        if let Some(pool) = self.lock().get_mut(key) {
            pool.idle.drain(..).for_each(|one| one.connection.reset());
        }
    }

    /// Lets time pass for all idle connections.
    #[cfg(test)]
    pub(super) fn age(&self, by: Duration) {
        for one in self.lock().values_mut().flat_map(|pool| &mut pool.idle) {
            one.since -= by;
        }
    }
}

impl<C> IdlePool<C> {
    /// How many connections are idle.
    pub(super) fn count(&self) -> usize {
        self.lock().values().map(|pool| pool.idle.len()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Addresses<C>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes connections that were idle for too long, in each period, as long as any are left.
async fn sweep<C: Reusable>(pool: Weak<IdlePool<C>>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(pool) = pool.upgrade() else { return };
        let (now, mut surplus) = (Instant::now(), Vec::new());
        let mut addresses = pool.lock();
        addresses.retain(|key, pool| {
            pool.sweep(now).unwrap_or_else(|Surplus| {
                surplus.push(key.clone());
                true
            })
        });
        let is_over = addresses.is_empty();
        drop(addresses);
        surplus.iter().for_each(|key| pool.found_surplus(key));
        if is_over {
            return;
        }
    }
}

/// The way of a connection back to its pool, which may be gone by then.
pub(super) struct WayBack<C> {
    idle: Weak<IdlePool<C>>,
    key: PoolKey,
}

impl<C: Reusable> WayBack<C> {
    pub(super) fn new(idle: &Arc<IdlePool<C>>, key: PoolKey) -> Self {
        let idle = Arc::downgrade(idle);
        Self { idle, key }
    }

    /// Keeps a connection whose answer has ended. `state` is the state after its last byte; `None`: it is not known.
    pub(super) fn keep(&self, connection: C, state: Option<IdleState>) {
        match (self.idle.upgrade(), state) {
            (Some(idle), Some(state)) => idle.keep_checked(&self.key, connection, state),
            (Some(idle), None) => idle.keep(&self.key, connection),
            (None, _) => {}
        }
    }

    /// Bytes beyond an answer arrived.
    pub(super) fn found_surplus(&self) {
        if let Some(idle) = self.idle.upgrade() {
            idle.found_surplus(&self.key);
        }
    }
}

/// The idle connections to one address, and what is known about its service.
struct AddressPool<C> {
    /// Oldest first.
    idle: VecDeque<Idle<C>>,
    /// Whether idle connections were seen to stay open.
    is_proven: bool,
    /// When an idle connection was last found closed.
    ended: Option<Instant>,
    used: Instant,
    /// The smallest number of rested connections that a `take` left in the pool since the last sweep: so many were not
    /// needed. `usize::MAX`: no `take` since then.
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

impl<C: Reusable> AddressPool<C> {
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
            match one.connection.check() {
                IdleState::Quiet => {
                    self.spare = self.spare.min(self.rested(now));
                    return Ok(Some(one.connection));
                }
                IdleState::Surplus => return Err(Surplus),
                IdleState::Ended => self.ended(now),
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
        let before = now.checked_sub(IDLE_REST);
        self.idle
            .partition_point(|one| before.is_some_and(|before| one.since <= before))
    }

    /// The oldest connection that may be used. As long as the service is not proven, the very oldest stays in the
    /// pool to prove it.
    fn next(&mut self, now: Instant) -> Option<Idle<C>> {
        while self.idle.front()?.waited(IDLE_TIMEOUT, now) {
            self.idle.pop_front();
        }
        let first = usize::from(!self.is_proven);
        let oldest = self.idle.get(first)?;
        if self.idle.len() < CROWDED_IDLE_CONNECTIONS && !oldest.waited(IDLE_REST, now) {
            return None;
        }
        self.idle.remove(first)
    }

    fn keep(&mut self, connection: C, state: IdleState, now: Instant) -> Result<(), Surplus> {
        self.used = now;
        match state {
            IdleState::Quiet => {}
            IdleState::Surplus => return Err(Surplus),
            IdleState::Ended => {
                self.ended(now);
                return Ok(());
            }
        }
        let most = if self.is_proven {
            MAX_IDLE_CONNECTIONS
        } else {
            MAX_UNPROVEN_CONNECTIONS
        };
        if self.idle.len() < most {
            let since = now;
            self.idle.push_back(Idle { connection, since });
        }
        Ok(())
    }

    /// Closes old and spare connections. Returns whether anything about the address is still worth keeping.
    fn sweep(&mut self, now: Instant) -> Result<bool, Surplus> {
        self.check(now)?;
        self.idle.retain(|one| !one.waited(IDLE_TIMEOUT, now));
        // Half of the connections that no use needed are closed. They would never time out by themselves: since the
        // oldest connection is used first, all are used in turn, and none is idle for long.
        let spare = std::mem::replace(&mut self.spare, usize::MAX);
        if spare != usize::MAX {
            self.idle.drain(..(spare / 2).min(self.idle.len()));
        }
        Ok(!self.idle.is_empty() || now.saturating_duration_since(self.used) < ADDRESS_REMEMBERED)
    }

    /// Checks the idle connections if that can prove something new.
    fn prove(&mut self, now: Instant) -> Result<(), Surplus> {
        let oldest = self.idle.front();
        if !self.is_proven && oldest.is_some_and(|one| one.waited(PROVEN_AFTER, now)) {
            self.check(now)?;
        }
        Ok(())
    }

    /// Drops connections that have ended, and learns from those that are left.
    fn check(&mut self, now: Instant) -> Result<(), Surplus> {
        let before = self.idle.len();
        let mut has_surplus = false;
        self.idle.retain_mut(|one| {
            let state = one.connection.check();
            has_surplus |= state == IdleState::Surplus;
            state == IdleState::Quiet
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
        self.is_proven |= !is_wary && oldest.is_some_and(|one| one.waited(PROVEN_AFTER, now));
        Ok(())
    }

    fn ended(&mut self, now: Instant) {
        self.is_proven = false;
        self.ended = Some(now);
    }
}

#[cfg(test)]
mod tests;
