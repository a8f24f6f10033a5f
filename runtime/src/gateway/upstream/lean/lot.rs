//! The connections to each address: those that wait for a call, and how many are at work.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Waker},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    net::TcpStream,
    sync::oneshot,
    time::timeout,
};

use super::super::IDLE_TIMEOUT;
use crate::gateway::registration::Address;

/// The most connections that wait for a call to one address.
const MAX_IDLE: usize = 512;
/// So many calls to one address get a connection at once. One more waits a moment first: a fast service is served by few
/// connections, which costs both sides less.
pub(super) const FEW: usize = 16;
/// How long that moment is. A slow service gets as many connections as it needs.
const MOMENT: Duration = Duration::from_millis(1);

/// All connections of one runtime.
#[derive(Default)]
pub(super) struct Lot(Mutex<HashMap<Arc<str>, Arc<Lane>>>);

/// The connections to one address. Held for one step, never across an await.
type Lane = Mutex<Connections>;

struct Connections {
    /// The newest last.
    idle: Vec<Idle>,
    busy: usize,
    /// How many may be busy before the next one waits. It grows while waiting is in vain.
    few: usize,
    /// Who waits for a seat, the first one first.
    queue: VecDeque<oneshot::Sender<Entered>>,
}

struct Idle {
    connection: TcpStream,
    since: Instant,
}

/// The right to have one connection at work. Dropping it lets the next one in.
pub(super) struct Seat(Arc<Lane>);

/// A seat, and a connection that was kept.
pub(super) type Entered = (Seat, Option<TcpStream>);

impl Lot {
    /// A seat, and a connection where one is there.
    pub(super) async fn enter(self: &Arc<Self>, address: &Address) -> Entered {
        let lane = self.lane(address);
        let handed = {
            let mut connections = lock(&lane);
            let kept = connections.take(Instant::now());
            if kept.is_some() || connections.busy < connections.few {
                drop(connections);
                return (Seat::on(&lane), kept);
            }
            let (hand, handed) = oneshot::channel();
            connections.queue.push_back(hand);
            handed
        };
        if let Ok(Ok(entered)) = timeout(MOMENT, handed).await {
            return entered;
        }
        let seat = Seat::on(&lane);
        let mut connections = lock(&lane);
        connections.few = connections.few.max(connections.busy);
        connections.queue.retain(|hand| !hand.is_closed());
        drop(connections);
        (seat, None)
    }

    fn lane(self: &Arc<Self>, address: &Address) -> Arc<Lane> {
        let mut lanes = lock(&self.0);
        if let Some(lane) = lanes.get(&*address.authority) {
            return Arc::clone(lane);
        }
        if lanes.is_empty() {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
        let lane = Arc::new(Mutex::new(Connections {
            idle: Vec::new(),
            busy: 0,
            few: FEW,
            queue: VecDeque::new(),
        }));
        lanes.insert(Arc::clone(&address.authority), Arc::clone(&lane));
        lane
    }
}

impl Connections {
    /// A connection that is still good, as far as is known here.
    fn take(&mut self, now: Instant) -> Option<TcpStream> {
        while let Some(Idle {
            mut connection,
            since,
        }) = self.idle.pop()
        {
            if now.saturating_duration_since(since) > IDLE_TIMEOUT {
                // The others have waited for even longer.
                self.idle.clear();
                return None;
            }
            if is_quiet(&mut connection) {
                return Some(connection);
            }
        }
        None
    }
}

impl Seat {
    fn on(lane: &Arc<Lane>) -> Self {
        lock(lane).busy += 1;
        Self(Arc::clone(lane))
    }

    /// Gives a connection to whoever waits, or keeps it for the next call.
    pub(super) fn keep(&self, connection: TcpStream) {
        let connection = match self.hand_over(Some(connection)) {
            Some(connection) => connection,
            None => return,
        };
        let mut connections = lock(&self.0);
        if connections.idle.len() < MAX_IDLE {
            connections.idle.push(Idle {
                connection,
                since: Instant::now(),
            });
        }
    }

    /// Lets the first of those who wait in. Gives the connection back where nobody waits.
    fn hand_over(&self, mut connection: Option<TcpStream>) -> Option<TcpStream> {
        loop {
            // Not under the lock: a seat that nobody takes locks when it is dropped.
            let Some(hand) = lock(&self.0).queue.pop_front() else {
                return connection;
            };
            if hand.is_closed() {
                continue;
            }
            match hand.send((Seat::on(&self.0), connection)) {
                Ok(()) => return None,
                Err((_, back)) => connection = back,
            }
        }
    }

    /// Closes the connections that wait.
    pub(super) fn forget_others(&self) {
        lock(&self.0).idle.clear();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let has_room = {
            let mut connections = lock(&self.0);
            connections.busy = connections.busy.saturating_sub(1);
            connections.busy < connections.few
        };
        if has_room {
            self.hand_over(None);
        }
    }
}

/// Whether nothing came over a connection that nobody uses: neither its end nor an answer to nothing. The runtime knows
/// that without asking the system.
fn is_quiet(connection: &mut TcpStream) -> bool {
    let mut space = [0];
    let mut cx = Context::from_waker(Waker::noop());
    Pin::new(connection)
        .poll_read(&mut cx, &mut ReadBuf::new(&mut space))
        .is_pending()
}

/// Closes what waited too long, as long as there is anything.
async fn sweep(lot: Weak<Lot>) {
    loop {
        tokio::time::sleep(IDLE_TIMEOUT).await;
        let Some(lot) = lot.upgrade() else { return };
        let now = Instant::now();
        let mut lanes = lock(&lot.0);
        lanes.retain(|_, lane| {
            let mut connections = lock(lane);
            connections
                .idle
                .retain(|one| now.saturating_duration_since(one.since) <= IDLE_TIMEOUT);
            if connections.busy < FEW {
                // What was slow may be fast by now.
                connections.few = FEW;
            }
            !connections.idle.is_empty() || connections.busy > 0 || !connections.queue.is_empty()
        });
        if lanes.is_empty() {
            return;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
impl Lot {
    /// How many connections to an address are at work.
    pub(super) fn busy(self: &Arc<Self>, address: &Address) -> usize {
        lock(&self.lane(address)).busy
    }
}
