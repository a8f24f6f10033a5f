//! The open connections, by address.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use foldhash::fast::RandomState;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use hydra_runtime_net::metrics::LazyCounter;
use metrics::Key;
use tokio::time::{Instant, error::Elapsed, timeout_at};

use super::connection::{self, Connection, Place, WeakConnection};
use crate::{
    limits::MAX_HTTP2_CONNECTIONS,
    registry::instance::{Address, PoolKey},
    upstream::connect::{DialError, Dialer},
};

/// A connection that is being opened, for all that wait for it.
type Opening = Shared<BoxFuture<'static, Result<WeakConnection, DialError>>>;

/// The connections of one runtime.
pub(super) struct Connections {
    dialer: Dialer,
    /// The lock is held for one step, never across an await.
    addresses: Mutex<HashMap<PoolKey, OfAddress, RandomState>>,
    reused: LazyCounter,
}

/// The connections to one address.
#[derive(Default)]
struct OfAddress {
    /// Oldest first.
    open: Vec<Connection>,
    opening: Option<Opening>,
}

/// A stream of a connection.
pub(super) struct Reserved {
    pub(super) place: Place,
    /// Whether the connection was open before the request.
    pub(super) is_reused: bool,
}

impl Connections {
    pub(super) fn new(dialer: Dialer) -> Arc<Self> {
        Arc::new(Self {
            dialer,
            addresses: Mutex::default(),
            reused: LazyCounter::new(Key::from_static_name("hydra_upstream_reused_total")),
        })
    }

    /// How many connections have no streams.
    pub(super) fn idle_count(&self) -> usize {
        let addresses = self.lock();
        let open = addresses.values().flat_map(|of_address| &of_address.open);
        open.filter(|one| one.streams() == 0).count()
    }

    /// A stream to `address`, until `until` at most. Requests that find no room wait for one new connection together.
    pub(super) async fn reserve(
        self: &Arc<Self>,
        address: &Address,
        until: Instant,
    ) -> Result<Reserved, DialError> {
        let mut is_reused = true;
        loop {
            let opening = match self.find(address) {
                Ok(place) => {
                    if is_reused {
                        self.reused.increment(1);
                    }
                    return Ok(Reserved { place, is_reused });
                }
                Err(opening) => opening,
            };
            is_reused = false;
            let opened = timeout_at(until, opening).await.map_err(late)??;
            if opened.is_leaving() {
                return Err(DialError::from("the server closed the connection".to_owned()));
            }
        }
    }

    /// Opens a connection that no request uses, and closes it again.
    pub(super) async fn probe(self: &Arc<Self>, address: &Address, until: Instant) -> Result<(), DialError> {
        let opening = connection::open(&self.dialer, address, |_| {});
        timeout_at(until, opening).await.map_err(late)?.map(drop)
    }

    /// A stream of a connection that has room, or the connection that is being opened.
    fn find(self: &Arc<Self>, address: &Address) -> Result<Place, Opening> {
        let key = address.pool_key();
        let mut addresses = self.lock();
        let of_address = addresses.entry(key.clone()).or_default();
        if let Some(connection) = of_address.choose() {
            return Ok(connection.place());
        }
        let opening = of_address.opening.get_or_insert_with(|| self.open(address, key));
        Err(opening.clone())
    }

    /// Begins to open a connection, in a task of its own: the request that wants it may end before.
    fn open(self: &Arc<Self>, address: &Address, key: PoolKey) -> Opening {
        let (connections, address) = (Arc::clone(self), address.clone());
        let weak = Arc::downgrade(self);
        let opened_for = key.clone();
        let task = tokio::spawn(async move {
            let forget = forgetting(&connections, key.clone());
            let opened = connection::open(&connections.dialer, &address, forget).await;
            let mut addresses = connections.lock();
            let of_address = addresses.entry(key.clone()).or_default();
            of_address.opening = None;
            let opened = opened.map(|connection| {
                let weak = connection.downgrade();
                of_address.open.push(connection);
                // It may have ended already, and was forgotten then.
                of_address.open.retain(|one| !one.is_leaving());
                weak
            });
            if of_address.open.is_empty() {
                addresses.remove(&key);
            }
            opened
        });
        async move {
            task.await.unwrap_or_else(|error| {
                // The next request tries again.
                if let Some(connections) = weak.upgrade() {
                    connections.opening_failed(&opened_for);
                }
                Err(DialError::from(error.to_string()))
            })
        }
        .boxed()
        .shared()
    }

    fn opening_failed(&self, key: &PoolKey) {
        if let Some(of_address) = self.lock().get_mut(key) {
            of_address.opening = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PoolKey, OfAddress, RandomState>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OfAddress {
    /// The oldest connection with room: younger ones are idle in quiet times, and end. If there are as many connections as may be,
    /// the one with the fewest streams.
    fn choose(&mut self) -> Option<&Connection> {
        self.open.retain(|one| !one.is_leaving());
        if let Some(at) = self.open.iter().position(Connection::has_room) {
            return self.open.get(at);
        }
        if self.open.len() < MAX_HTTP2_CONNECTIONS {
            return None;
        }
        self.open.iter().min_by_key(|one| one.streams())
    }
}

/// Removes a connection from the pool.
fn forgetting(
    connections: &Arc<Connections>,
    key: PoolKey,
) -> impl Fn(&WeakConnection) + Send + Sync + 'static {
    let connections = Arc::downgrade(connections);
    move |gone| {
        let Some(connections) = connections.upgrade() else {
            return;
        };
        let mut addresses = connections.lock();
        if let Some(of_address) = addresses.get_mut(&key) {
            of_address.open.retain(|one| !gone.is(one));
            if of_address.open.is_empty() && of_address.opening.is_none() {
                addresses.remove(&key);
            }
        }
    }
}

fn late(_: Elapsed) -> DialError {
    DialError::from("no connection in time".to_owned())
}
