//! Opens a connection, and keeps it until it ends.

use std::{
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use h2::{
    Ping, PingPong,
    client::{Builder, SendRequest},
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{meter::Misbehaviour, stream::WatchedStream};
use crate::{
    limits::{
        HTTP2_CONNECTION_WINDOW_BYTES, HTTP2_IDLE_TIMEOUT, HTTP2_LOOK_PERIOD, HTTP2_PING_TIMEOUT,
        HTTP2_SEND_BUFFER_BYTES, HTTP2_STREAM_WINDOW_BYTES, MAX_ANSWER_HEAD_BYTES, MAX_HTTP2_STREAMS,
    },
    registry::instance::Address,
    upstream::{
        connect::{DialError, Dialer},
        tls::Alpn,
    },
};

/// What the operator must do if the server does not speak HTTP/2.
const ADVICE: &str = "set `http2` of its `[[service]]` to false";

/// A connection that takes requests. Its pool has one clone, and each of its streams another one. It ends when the last one is dropped.
#[derive(Clone, Debug)]
pub(super) struct Connection(Arc<SendRequest<Bytes>>);

/// A connection that others keep open.
#[derive(Clone)]
pub(super) struct WeakConnection(Weak<SendRequest<Bytes>>);

impl Connection {
    /// Sends requests, once it is ready.
    pub(super) fn sender(&self) -> SendRequest<Bytes> {
        SendRequest::clone(&self.0)
    }

    /// How many streams are in use: all clones but that of the pool.
    pub(super) fn streams(&self) -> usize {
        Arc::strong_count(&self.0).saturating_sub(1)
    }

    /// Whether the connection has room for another stream.
    pub(super) fn has_room(&self) -> bool {
        // A server that allows no stream at present will allow some later.
        let most = self.0.current_max_send_streams().clamp(1, MAX_HTTP2_STREAMS);
        self.streams() < most
    }

    /// Whether the connection takes no further request: it has ended, or its server has announced its end (RFC 9113 section 6.8).
    pub(super) fn is_leaving(&self) -> bool {
        // A new sender waits for nothing.
        !matches!(self.sender().ready().now_or_never(), Some(Ok(_)))
    }

    pub(super) fn downgrade(&self) -> WeakConnection {
        WeakConnection(Arc::downgrade(&self.0))
    }
}

impl WeakConnection {
    /// Whether the connection takes no further request.
    pub(super) fn is_leaving(&self) -> bool {
        let connection = self.0.upgrade().map(Connection);
        connection.is_none_or(|connection| connection.is_leaving())
    }

    /// Whether this is that connection.
    pub(super) fn is(&self, connection: &Connection) -> bool {
        std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(&connection.0))
    }

    /// Whether the connection has no streams.
    fn is_idle(&self) -> bool {
        self.0.strong_count() <= 1
    }
}

/// Opens a connection to a server that speaks HTTP/2: over http with prior knowledge (RFC 9113 section 3.3), over https if TLS has
/// agreed on it. Waits until the server has sent its settings.
///
/// `forget` is called when the connection has been idle for too long, and when it has ended.
pub(super) async fn open(
    dialer: &Dialer,
    address: &Address,
    forget: impl Fn(&WeakConnection) + Send + Sync + 'static,
) -> Result<Connection, DialError> {
    let until = Instant::now() + dialer.timeout;
    let stream = dialer.open(address, Alpn::Http2, until).await?;
    let reads = Arc::<AtomicU64>::default();
    let (begun, has_begun) = oneshot::channel();
    let stream = WatchedStream::new(stream, Arc::clone(&reads), begun);
    let shaking = builder().handshake::<_, Bytes>(stream);
    let (sender, driver) = match timeout_at(until, shaking).await {
        Ok(shaken) => shaken.map_err(|error| not_http2(address, &error.to_string()))?,
        Err(_) => return Err(silent(address, dialer.timeout)),
    };
    let connection = Connection(Arc::new(sender));
    let task = tokio::spawn(keep(driver, connection.downgrade(), reads, forget));
    let begun = timeout_at(until, has_begun).await;
    let failed = match begun {
        Ok(Ok(Ok(()))) => return Ok(connection),
        Ok(Ok(Err(why @ Misbehaviour::Flood))) => DialError::from(why.to_string()),
        Ok(Ok(Err(Misbehaviour::NotHttp2))) => not_http2(address, "it answered in another protocol"),
        Ok(Err(_)) => not_http2(address, "it closed the connection"),
        Err(_) => silent(address, dialer.timeout),
    };
    task.abort();
    Err(failed)
}

fn not_http2(address: &Address, what: &str) -> DialError {
    let server = &address.authority;
    DialError::from(format!(
        "the server at {server} does not speak HTTP/2 ({what}): {ADVICE}"
    ))
}

fn silent(address: &Address, time: Duration) -> DialError {
    let (server, time) = (&address.authority, time.as_millis());
    DialError::from(format!(
        "the server at {server} did not begin HTTP/2 within {time} ms: if it speaks HTTP/1.1 only, {ADVICE}"
    ))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_max_send_streams(MAX_HTTP2_STREAMS)
        .initial_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .max_send_buffer_size(HTTP2_SEND_BUFFER_BYTES)
        .max_header_list_size(u32::try_from(MAX_ANSWER_HEAD_BYTES).unwrap_or(u32::MAX));
    builder
}

/// Moves the bytes of a connection until it ends by itself, or its server is gone.
async fn keep(
    mut driver: h2::client::Connection<WatchedStream, Bytes>,
    connection: WeakConnection,
    reads: Arc<AtomicU64>,
    forget: impl Fn(&WeakConnection),
) {
    let pings = driver.ping_pong();
    let watching = pin!(watch(pings, &connection, &reads, &forget));
    tokio::select! {
        ended = driver => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection to a service ended early");
            }
        }
        () = watching => tracing::debug!("a service does not answer a ping"),
    }
    forget(&connection);
}

/// Returns once the server does not answer a ping. A connection that was idle for too long is forgotten, and ends by itself then.
async fn watch(
    mut pings: Option<PingPong>,
    connection: &WeakConnection,
    reads: &AtomicU64,
    forget: &impl Fn(&WeakConnection),
) {
    let (mut idle, mut reads_before) = (Duration::ZERO, 0);
    loop {
        sleep(HTTP2_LOOK_PERIOD).await;
        let reads = reads.load(Relaxed);
        let is_quiet = reads == reads_before;
        reads_before = reads;
        if !connection.is_idle() {
            idle = Duration::ZERO;
            // A connection without streams is not pinged: some servers take that for an attack.
            if is_quiet && !answers(pings.as_mut()).await {
                return;
            }
            continue;
        }
        idle = if is_quiet {
            idle + HTTP2_LOOK_PERIOD
        } else {
            Duration::ZERO
        };
        if idle >= HTTP2_IDLE_TIMEOUT {
            forget(connection);
        }
    }
}

/// Whether the server answers a ping in time.
async fn answers(pings: Option<&mut PingPong>) -> bool {
    let Some(pings) = pings else {
        return true;
    };
    let pong = timeout(HTTP2_PING_TIMEOUT, pings.ping(Ping::opaque())).await;
    matches!(pong, Ok(Ok(_)))
}
