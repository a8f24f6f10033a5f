//! All connections of a server: bounds their number, closes an idle one when there are too many, and closes those
//! that stall.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Instant,
};

use tokio::sync::Notify;

use super::{
    connection_limits::ConnectionLimits,
    status::{CloseOrder, CloseReason, ConnectionStatus},
};

use crate::limits::{CAPACITY_WAIT, IDLE_SEARCH_COUNT};

/// The connections of all threads of a server.
#[derive(Debug)]
pub(super) struct Connections {
    started: Instant,
    limits: ConnectionLimits,
    max: usize,
    count: AtomicUsize,
    sockets: AtomicUsize,
    /// Both locks are held briefly, when connections open and close.
    open: Mutex<HashMap<u64, Arc<ConnectionStatus>>>,
    /// The longest idle connections at the last search, the longest at the end.
    idle: Mutex<Vec<(u64, Arc<ConnectionStatus>)>>,
    next: AtomicU64,
    looked_at: AtomicU64,
    is_stopping: AtomicBool,
    freed: Notify,
    gauge: metrics::Gauge,
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    connections: Arc<Connections>,
    status: Arc<ConnectionStatus>,
    number: u64,
}

impl Connections {
    /// No connections; `max` at a time are allowed.
    pub(super) fn new(limits: ConnectionLimits, max: usize) -> Self {
        Self {
            started: Instant::now(),
            limits,
            max,
            count: AtomicUsize::new(0),
            sockets: AtomicUsize::new(0),
            open: Mutex::default(),
            idle: Mutex::default(),
            next: AtomicU64::new(0),
            looked_at: AtomicU64::new(0),
            is_stopping: AtomicBool::new(false),
            freed: Notify::new(),
            gauge: metrics::gauge!("hydra_connections"),
        }
    }

    pub(super) fn limits(&self) -> &ConnectionLimits {
        &self.limits
    }

    /// Milliseconds since the server started, and never 0.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .max(1)
    }

    /// Takes a place, even if there is none free.
    pub(super) fn take(self: &Arc<Self>) -> ConnectionSlot {
        self.count.fetch_add(1, SeqCst);
        self.gauge.increment(1.0);
        let number = self.next.fetch_add(1, SeqCst);
        let status = Arc::new(ConnectionStatus::new(self.now()));
        lock(&self.open).insert(number, Arc::clone(&status));
        ConnectionSlot {
            connections: Arc::clone(self),
            status,
            number,
        }
    }

    /// Waits until another connection is allowed, and closes the longest idle ones to get there.
    pub(super) async fn wait_for_capacity(&self) {
        let mut is_told = false;
        while self.count.load(SeqCst) >= self.max {
            let freed = self.freed.notified();
            if !self.shed() && !is_told {
                is_told = true;
                tracing::warn!(
                    most = self.max,
                    "the limit of connections is reached, and all of them have requests: new ones wait"
                );
            }
            if self.count.load(SeqCst) >= self.max {
                let _ = tokio::time::timeout(CAPACITY_WAIT, freed).await;
                self.look();
            }
        }
    }

    /// Tells the longest idle connection to close. Returns whether there is one.
    fn shed(&self) -> bool {
        let mut idle = lock(&self.idle);
        for is_fresh in [false, true] {
            if is_fresh {
                *idle = self.idle_longest();
            }
            while let Some((since, status)) = idle.pop() {
                if status.idle_since() == Some(since) {
                    status.tell(CloseOrder::Finish);
                    metrics::counter!("hydra_connections_closed_total", "reason" => "room").increment(1);
                    return true;
                }
            }
        }
        false
    }

    fn idle_longest(&self) -> Vec<(u64, Arc<ConnectionStatus>)> {
        let open = lock(&self.open);
        let idle = open
            .values()
            .filter_map(|status| Some((status.idle_since()?, status)));
        let mut idle: Vec<_> = idle.collect();
        if idle.len() > IDLE_SEARCH_COUNT {
            idle.select_nth_unstable_by_key(IDLE_SEARCH_COUNT, |(since, _)| *since);
            idle.truncate(IDLE_SEARCH_COUNT);
        }
        idle.sort_unstable_by_key(|(since, _)| std::cmp::Reverse(*since));
        idle.into_iter()
            .map(|(since, status)| (since, Arc::clone(status)))
            .collect()
    }

    /// Checks all connections, unless another thread did so a moment ago.
    pub(super) fn look(&self) {
        let now = self.now();
        let period = u64::try_from(self.limits.period().as_millis()).unwrap_or(u64::MAX);
        let before = self.looked_at.load(SeqCst);
        let is_due = now.saturating_sub(before) >= period;
        if !is_due
            || self
                .looked_at
                .compare_exchange(before, now, SeqCst, SeqCst)
                .is_err()
        {
            return;
        }
        for status in lock(&self.open).values() {
            // It was told to close while it was idle, but did not: half of a request's head has arrived.
            if status.lingers() && !self.is_stopping() {
                status.tell(CloseOrder::Drop);
            }
            let Some(reason) = status.close_reason(now, &self.limits) else {
                status.tell_to_sleep(now);
                continue;
            };
            let (order, reason) = match reason {
                CloseReason::Idle => (CloseOrder::Finish, "idle"),
                CloseReason::Stalled => (CloseOrder::Drop, "stalled"),
            };
            if status.order() >= order {
                continue;
            }
            status.tell(order);
            metrics::counter!("hydra_connections_closed_total", "reason" => reason).increment(1);
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(SeqCst)
    }

    /// Tells all connections to close. Those of HTTP/2 are told at once, others by their next answers.
    pub(super) fn stop(&self) {
        if !self.is_stopping.swap(true, SeqCst) {
            self.tell_all(CloseOrder::Finish, |status| {
                status.is_http2() || status.ends_when_told()
            });
        }
    }

    /// Ends when all connections are closed, or after [`ConnectionLimits::stop_timeout`]: then it returns how many
    /// are left.
    pub(super) async fn ended(&self) -> usize {
        let began = Instant::now();
        loop {
            let freed = self.freed.notified();
            let left = self.count.load(SeqCst).saturating_sub(self.sockets.load(SeqCst));
            if left == 0 || began.elapsed() >= self.limits.stop_timeout {
                return left;
            }
            if began.elapsed() >= self.limits.stop_grace {
                self.tell_all(CloseOrder::Finish, |_| true);
            }
            let _ = tokio::time::timeout(CAPACITY_WAIT, freed).await;
            self.look();
        }
    }

    fn tell_all(&self, order: CloseOrder, which: impl Fn(&ConnectionStatus) -> bool) {
        let open = lock(&self.open);
        let connections = open
            .values()
            .filter(|status| which(status) && status.order() < order);
        connections.for_each(|status| status.tell(order));
    }
}

impl ConnectionSlot {
    pub(super) fn status(&self) -> &Arc<ConnectionStatus> {
        &self.status
    }

    pub(super) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Records the start of a request. It ends when the result is dropped.
    pub(super) fn begin(self: &Arc<Self>, is_http2: bool) -> RequestGuard {
        self.status.begin(is_http2);
        if is_http2 && self.connections.is_stopping() {
            self.status.tell(CloseOrder::Finish);
        }
        RequestGuard(Arc::clone(self))
    }

    /// Whether the server does not wait for the end of the connection when it stops.
    fn is_left_behind(&self) -> bool {
        self.status.is_socket() && !self.status.ends_when_told()
    }

    pub(super) fn become_socket(&self) {
        if !self.status.is_socket() {
            self.status.become_socket();
            if self.is_left_behind() {
                self.connections.sockets.fetch_add(1, SeqCst);
            }
        }
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        lock(&self.connections.open).remove(&self.number);
        if self.is_left_behind() {
            self.connections.sockets.fetch_sub(1, SeqCst);
        }
        self.connections.count.fetch_sub(1, SeqCst);
        self.connections.gauge.decrement(1.0);
        self.connections.freed.notify_waiters();
    }
}

/// A request whose answer has not ended.
pub(super) struct RequestGuard(Arc<ConnectionSlot>);

impl RequestGuard {
    pub(super) fn slot(&self) -> &ConnectionSlot {
        &self.0
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.status.end(self.0.connections.now());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn connections(max: usize) -> Arc<Connections> {
        Arc::new(Connections::new(ConnectionLimits::default(), max))
    }

    fn order(slot: &ConnectionSlot) -> CloseOrder {
        slot.status().order()
    }

    #[test]
    fn the_longest_idle_goes_first_and_none_with_a_request() {
        let connections = connections(1);
        let all: Vec<_> = (0..200).map(|_| Arc::new(connections.take())).collect();
        let busy = all[0].begin(false);
        for (number, slot) in all.iter().enumerate().skip(1) {
            // In another order than they came.
            slot.status().begin(false);
            slot.status().end(1_000 - number as u64);
        }
        for expected in (1..200).rev() {
            assert!(connections.shed());
            assert_eq!(order(&all[expected]), CloseOrder::Finish, "{expected}");
        }
        assert!(!connections.shed());
        assert_eq!(order(&all[0]), CloseOrder::Stay);
        drop(busy);
        assert!(connections.shed());
    }

    #[tokio::test]
    async fn room_is_made_when_it_is_needed() {
        let connections = connections(2);
        let (one, two) = (connections.take(), Arc::new(connections.take()));
        let _busy = two.begin(false);
        let leaving = async {
            one.status().ordered().await;
            drop(one);
        };
        tokio::join!(connections.wait_for_capacity(), leaving);
        assert_eq!(order(&two), CloseOrder::Stay);
    }

    #[tokio::test]
    async fn a_server_that_stops_waits_for_requests_and_not_for_sockets() {
        let connections = connections(9);
        let (http1, http2, socket) = (
            Arc::new(connections.take()),
            Arc::new(connections.take()),
            connections.take(),
        );
        drop(http2.begin(true));
        socket.become_socket();
        connections.stop();
        assert_eq!(
            (order(&http1), order(&http2)),
            (CloseOrder::Stay, CloseOrder::Finish)
        );
        let busy = http1.begin(false);
        drop(http2);
        let ending = async {
            tokio::task::yield_now().await;
            drop((busy, http1));
        };
        assert_eq!(tokio::join!(connections.ended(), ending).0, 0);
    }

    #[tokio::test]
    async fn a_server_that_stops_does_not_wait_for_ever() {
        let limits = ConnectionLimits {
            stop_grace: Duration::ZERO,
            stop_timeout: Duration::from_millis(10),
            ..ConnectionLimits::default()
        };
        let connections = Arc::new(Connections::new(limits, 9));
        let slot = Arc::new(connections.take());
        let _busy = slot.begin(false);
        connections.stop();
        assert_eq!(connections.ended().await, 1);
        assert_eq!(order(&slot), CloseOrder::Finish);
    }
}
