//! The connections to each address that wait for a call.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Waker},
    time::{Duration, Instant},
};

use tokio::io::{AsyncRead, ReadBuf};

use super::super::{IDLE_TIMEOUT, MAX_IDLE, stream::Stream};
use crate::gateway::registration::{Address, Origin};

/// All connections of one runtime. Held for one step, never across an await.
#[derive(Default)]
pub(super) struct Lot(Mutex<HashMap<Origin, Vec<Idle>>>);

struct Idle {
    connection: Stream,
    since: Instant,
}

impl Lot {
    /// The connection that waited least, if it is still good as far as is known here.
    pub(super) fn take(&self, address: &Address) -> Option<Stream> {
        let mut lot = self.lock();
        let waiting = lot.get_mut(&address.origin())?;
        let now = Instant::now();
        while let Some(Idle {
            mut connection,
            since,
        }) = waiting.pop()
        {
            if is_over(since, now) {
                // The others have waited for even longer.
                waiting.clear();
                return None;
            }
            if is_quiet(&mut connection) {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection for the next call.
    pub(super) fn keep(self: &Arc<Self>, address: &Address, connection: Stream) {
        let mut lot = self.lock();
        if lot.is_empty() {
            tokio::spawn(sweep(Arc::downgrade(self), IDLE_TIMEOUT));
        }
        let waiting = lot.entry(address.origin()).or_default();
        if waiting.len() < MAX_IDLE {
            let since = Instant::now();
            waiting.push(Idle { connection, since });
        }
    }

    /// Closes the connections to an address that wait.
    pub(super) fn forget(&self, address: &Address) {
        if let Some(waiting) = self.lock().get_mut(&address.origin()) {
            waiting.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Vec<Idle>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_over(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) > IDLE_TIMEOUT
}

/// Whether nothing came over a connection that nobody uses: neither its end nor an answer to nothing. The runtime knows
/// that without asking the system.
fn is_quiet(connection: &mut Stream) -> bool {
    let mut space = [0];
    let mut cx = Context::from_waker(Waker::noop());
    Pin::new(connection)
        .poll_read(&mut cx, &mut ReadBuf::new(&mut space))
        .is_pending()
}

/// Closes what waited too long, `every` so often, as long as there is anything.
async fn sweep(lot: Weak<Lot>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(lot) = lot.upgrade() else { return };
        let now = Instant::now();
        let mut waiting = lot.lock();
        waiting.retain(|_, waiting| {
            waiting.retain(|one| !is_over(one.since, now));
            !waiting.is_empty()
        });
        if waiting.is_empty() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn connection(listener: &TcpListener) -> (Stream, TcpStream) {
        let address = listener.local_addr().expect("an address");
        let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
        (
            Stream::Plain(ours.expect("a connection")),
            theirs.expect("a caller").0,
        )
    }

    #[tokio::test]
    async fn what_waited_too_long_is_closed_and_forgotten() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = Address::new("127.0.0.1".to_owned(), 1, false);
        let lot = Arc::new(Lot::default());
        let (ours, _theirs) = connection(&listener).await;
        lot.keep(&address, ours);
        for one in lot.lock().values_mut().flatten() {
            one.since -= IDLE_TIMEOUT * 2;
        }
        sweep(Arc::downgrade(&lot), Duration::from_millis(1)).await;
        assert!(lot.lock().is_empty());
    }

    #[tokio::test]
    async fn a_connection_is_for_one_origin_only() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = |is_https| Address::new("127.0.0.1".to_owned(), 1, is_https);
        let lot = Arc::new(Lot::default());
        let (ours, _theirs) = connection(&listener).await;
        lot.keep(&address(false), ours);
        assert!(lot.take(&address(true)).is_none());
        assert!(lot.take(&address(false)).is_some());
        assert!(lot.take(&address(false)).is_none());
    }
}
