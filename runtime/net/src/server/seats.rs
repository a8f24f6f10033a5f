//! All connections of a server: how many there may be, which one goes where there are too many, and which ones may not go on.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::{
    limits::Limits,
    seat::{Order, Seat, Wrong},
};

/// How long to wait for room before a further connection is told to go.
const PATIENCE: Duration = Duration::from_millis(50);
/// So many connections that may go are found in one search.
const FOUND_AT_ONCE: usize = 64;

/// The connections of all threads of a server.
#[derive(Debug)]
pub(super) struct Seats {
    started: Instant,
    limits: Limits,
    most: usize,
    taken: AtomicUsize,
    sockets: AtomicUsize,
    /// Both locks are held for moments, when connections come and go.
    open: Mutex<HashMap<u64, Arc<Seat>>>,
    /// Those that were idle for longest when it was looked last, the longest at the end.
    idle: Mutex<Vec<(u64, Arc<Seat>)>>,
    next: AtomicU64,
    looked_at: AtomicU64,
    is_stopping: AtomicBool,
    freed: Notify,
}

/// A connection's place among all, until it is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    seats: Arc<Seats>,
    seat: Arc<Seat>,
    number: u64,
}

impl Seats {
    /// `most` connections at a time.
    pub(super) fn new(limits: Limits, most: usize) -> Self {
        Self {
            started: Instant::now(),
            limits,
            most,
            taken: AtomicUsize::new(0),
            sockets: AtomicUsize::new(0),
            open: Mutex::default(),
            idle: Mutex::default(),
            next: AtomicU64::new(0),
            looked_at: AtomicU64::new(0),
            is_stopping: AtomicBool::new(false),
            freed: Notify::new(),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Milliseconds since the server started, and never 0.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .max(1)
    }

    /// Takes a place, whether there is room or not.
    pub(super) fn take(self: &Arc<Self>) -> Taken {
        self.taken.fetch_add(1, SeqCst);
        let number = self.next.fetch_add(1, SeqCst);
        let seat = Arc::new(Seat::new(self.now()));
        lock(&self.open).insert(number, Arc::clone(&seat));
        Taken {
            seats: Arc::clone(self),
            seat,
            number,
        }
    }

    /// Waits until there is room for one more, and makes some: those that had no request for longest go.
    pub(super) async fn room(&self) {
        let mut is_told = false;
        while self.taken.load(SeqCst) >= self.most {
            let freed = self.freed.notified();
            if !self.shed() && !is_told {
                is_told = true;
                tracing::warn!(
                    most = self.most,
                    "there are as many connections as there may be, all with requests: new ones wait"
                );
            }
            if self.taken.load(SeqCst) >= self.most {
                let _ = tokio::time::timeout(PATIENCE, freed).await;
                self.look();
            }
        }
    }

    /// Tells the connection that had no request for longest to go. Gives whether there is one.
    fn shed(&self) -> bool {
        let mut idle = lock(&self.idle);
        for is_fresh in [false, true] {
            if is_fresh {
                *idle = self.idle_longest();
            }
            while let Some((since, seat)) = idle.pop() {
                if seat.idle_since() == Some(since) {
                    seat.tell(Order::Finish);
                    metrics::counter!("hydra_connections_closed_total", "reason" => "room").increment(1);
                    return true;
                }
            }
        }
        false
    }

    fn idle_longest(&self) -> Vec<(u64, Arc<Seat>)> {
        let open = lock(&self.open);
        let idle = open.values().filter_map(|seat| Some((seat.idle_since()?, seat)));
        let mut idle: Vec<_> = idle.collect();
        if idle.len() > FOUND_AT_ONCE {
            idle.select_nth_unstable_by_key(FOUND_AT_ONCE, |(since, _)| *since);
            idle.truncate(FOUND_AT_ONCE);
        }
        idle.sort_unstable_by_key(|(since, _)| std::cmp::Reverse(*since));
        idle.into_iter()
            .map(|(since, seat)| (since, Arc::clone(seat)))
            .collect()
    }

    /// Looks at all connections, unless another thread did so a moment ago.
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
        for seat in lock(&self.open).values() {
            // It was told to end while it had no request, and did not: half of a request's head has come.
            if seat.lingers() && !self.is_stopping() {
                seat.tell(Order::Drop);
            }
            let Some(wrong) = seat.wrong(now, &self.limits) else {
                continue;
            };
            let (order, reason) = match wrong {
                Wrong::Idle => (Order::Finish, "idle"),
                Wrong::Stalled => (Order::Drop, "stalled"),
            };
            if seat.order() >= order {
                continue;
            }
            seat.tell(order);
            metrics::counter!("hydra_connections_closed_total", "reason" => reason).increment(1);
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(SeqCst)
    }

    /// No connection is to stay. Those of HTTP/2 are told so at once, others by their next answers.
    pub(super) fn stop(&self) {
        if !self.is_stopping.swap(true, SeqCst) {
            self.tell_all(Order::Finish, Seat::is_http2);
        }
    }

    /// Ends when all connections have, the patience of [`Limits::stop_timeout`] excepted: then it gives how many are left.
    pub(super) async fn ended(&self) -> usize {
        let began = Instant::now();
        loop {
            let freed = self.freed.notified();
            let left = self.taken.load(SeqCst).saturating_sub(self.sockets.load(SeqCst));
            if left == 0 || began.elapsed() >= self.limits.stop_timeout {
                return left;
            }
            if began.elapsed() >= self.limits.stop_grace {
                self.tell_all(Order::Finish, |_| true);
            }
            let _ = tokio::time::timeout(PATIENCE, freed).await;
            self.look();
        }
    }

    fn tell_all(&self, order: Order, which: impl Fn(&Seat) -> bool) {
        let open = lock(&self.open);
        let seats = open.values().filter(|seat| which(seat) && seat.order() < order);
        seats.for_each(|seat| seat.tell(order));
    }
}

impl Taken {
    pub(super) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    pub(super) fn seats(&self) -> &Seats {
        &self.seats
    }

    /// A request begins. It ends when what is given is dropped.
    pub(super) fn begin(self: &Arc<Self>, is_http2: bool) -> UnderWay {
        self.seat.begin(is_http2);
        if is_http2 && self.seats.is_stopping() {
            self.seat.tell(Order::Finish);
        }
        UnderWay(Arc::clone(self))
    }

    pub(super) fn become_socket(&self) {
        if !self.seat.is_socket() {
            self.seat.become_socket();
            self.seats.sockets.fetch_add(1, SeqCst);
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        lock(&self.seats.open).remove(&self.number);
        if self.seat.is_socket() {
            self.seats.sockets.fetch_sub(1, SeqCst);
        }
        self.seats.taken.fetch_sub(1, SeqCst);
        self.seats.freed.notify_waiters();
    }
}

/// A request whose answer has not ended.
pub(super) struct UnderWay(Arc<Taken>);

impl UnderWay {
    pub(super) fn taken(&self) -> &Taken {
        &self.0
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.seat.end(self.0.seats.now());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats(most: usize) -> Arc<Seats> {
        Arc::new(Seats::new(Limits::default(), most))
    }

    fn order(taken: &Taken) -> Order {
        taken.seat().order()
    }

    #[test]
    fn the_longest_idle_goes_first_and_none_with_a_request() {
        let seats = seats(1);
        let all: Vec<_> = (0..200).map(|_| Arc::new(seats.take())).collect();
        let busy = all[0].begin(false);
        for (number, taken) in all.iter().enumerate().skip(1) {
            // In another order than they came.
            taken.seat().begin(false);
            taken.seat().end(1_000 - number as u64);
        }
        for expected in (1..200).rev() {
            assert!(seats.shed());
            assert_eq!(order(&all[expected]), Order::Finish, "{expected}");
        }
        assert!(!seats.shed());
        assert_eq!(order(&all[0]), Order::None);
        drop(busy);
        assert!(seats.shed());
    }

    #[tokio::test]
    async fn room_is_made_when_it_is_needed() {
        let seats = seats(2);
        let (one, two) = (seats.take(), Arc::new(seats.take()));
        let _busy = two.begin(false);
        let leaving = async {
            one.seat().ordered().await;
            drop(one);
        };
        tokio::join!(seats.room(), leaving);
        assert_eq!(order(&two), Order::None);
    }

    #[tokio::test]
    async fn a_server_that_stops_waits_for_requests_and_not_for_sockets() {
        let seats = seats(9);
        let (http1, http2, socket) = (Arc::new(seats.take()), Arc::new(seats.take()), seats.take());
        drop(http2.begin(true));
        socket.become_socket();
        seats.stop();
        assert_eq!((order(&http1), order(&http2)), (Order::None, Order::Finish));
        let busy = http1.begin(false);
        drop(http2);
        let ending = async {
            tokio::task::yield_now().await;
            drop((busy, http1));
        };
        assert_eq!(tokio::join!(seats.ended(), ending).0, 0);
    }

    #[tokio::test]
    async fn a_server_that_stops_does_not_wait_for_ever() {
        let limits = Limits {
            stop_grace: Duration::ZERO,
            stop_timeout: Duration::from_millis(10),
            ..Limits::default()
        };
        let seats = Arc::new(Seats::new(limits, 9));
        let taken = Arc::new(seats.take());
        let _busy = taken.begin(false);
        seats.stop();
        assert_eq!(seats.ended().await, 1);
        assert_eq!(order(&taken), Order::Finish);
    }
}
