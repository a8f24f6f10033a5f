//! Opens a connection, and keeps it until it ends.

use std::{
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
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

use super::{
    meter::Misbehaviour,
    pings::{Due, Look, PingPlan},
    stream::{Traffic, WatchedStream},
};
use crate::{
    limits::{
        HTTP2_CONNECTION_WINDOW_BYTES, HTTP2_LOOK_PERIOD, HTTP2_PING_TIMEOUT, HTTP2_SEND_BUFFER_BYTES,
        HTTP2_SMALL_PIECES_BYTES, HTTP2_STREAM_WINDOW_BYTES, MAX_ANSWER_HEAD_BYTES, MAX_HTTP2_EMPTY_FRAMES,
        MAX_HTTP2_LEFT_STREAMS, MAX_HTTP2_STREAMS, MAX_HTTP2_STREAMS_IN_ALL,
    },
    registry::instance::Address,
    upstream::{
        connect::{DialError, Dialer},
        tls::{Alpn, HTTP2_ADVICE},
    },
};

/// A connection that takes requests. It ends when nothing holds it any more: neither its pool nor a stream.
#[derive(Clone, Debug)]
pub(super) struct Connection(Arc<Shared>);

/// A connection that others keep open.
#[derive(Clone)]
pub(super) struct WeakConnection(Weak<Shared>);

/// The place of one stream in a connection. Each clone counts as a stream.
#[derive(Debug)]
pub(super) struct Place(Connection);

#[derive(Debug)]
struct Shared {
    sender: SendRequest<Bytes>,
    /// How many streams are in use.
    streams: AtomicUsize,
    /// How many were opened so far.
    opened: AtomicUsize,
    traffic: Arc<Traffic>,
}

impl Connection {
    /// A place for a stream.
    pub(super) fn place(&self) -> Place {
        self.0.opened.fetch_add(1, Relaxed);
        self.0.streams.fetch_add(1, Relaxed);
        Place(self.clone())
    }

    /// How many streams are in use.
    pub(super) fn streams(&self) -> usize {
        self.0.streams.load(Relaxed)
    }

    /// Whether the connection has room for another stream.
    pub(super) fn has_room(&self) -> bool {
        // A server that allows no stream at present will allow some later.
        let most = self.0.sender.current_max_send_streams();
        self.streams() < most.clamp(1, MAX_HTTP2_STREAMS)
    }

    /// Whether the connection takes no further request: it has ended, its server has announced its end (RFC 9113 section 6.8), or it
    /// comes near to what the library bears of one connection.
    pub(super) fn is_leaving(&self) -> bool {
        let is_worn = self.0.opened.load(Relaxed) >= MAX_HTTP2_STREAMS_IN_ALL
            || self.0.traffic.empty_frames() >= MAX_HTTP2_EMPTY_FRAMES;
        // A new sender waits for nothing.
        is_worn || !matches!(self.0.sender.clone().ready().now_or_never(), Some(Ok(_)))
    }

    pub(super) fn downgrade(&self) -> WeakConnection {
        WeakConnection(Arc::downgrade(&self.0))
    }
}

impl Place {
    /// Sends the request, once it is ready.
    pub(super) fn sender(&self) -> SendRequest<Bytes> {
        self.0.0.sender.clone()
    }
}

impl Clone for Place {
    fn clone(&self) -> Self {
        let connection = self.0.clone();
        connection.0.streams.fetch_add(1, Relaxed);
        Self(connection)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.streams.fetch_sub(1, Relaxed);
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

    /// What is seen of the connection now, with what its server has sent.
    fn look(&self, traffic: &Traffic) -> Look {
        let reads = traffic.reads();
        let Some(shared) = self.0.upgrade() else {
            return Look {
                reads,
                ..Look::default()
            };
        };
        Look {
            reads,
            opened: shared.opened.load(Relaxed),
            streams: shared.streams.load(Relaxed),
        }
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
    let traffic = Arc::<Traffic>::default();
    let (begun, has_begun) = oneshot::channel();
    let stream = WatchedStream::new(stream, Arc::clone(&traffic), begun);
    let shaking = builder().handshake::<_, Bytes>(stream);
    let (sender, driver) = match timeout_at(until, shaking).await {
        Ok(shaken) => shaken.map_err(|error| not_http2(address, &error.to_string()))?,
        Err(_) => return Err(silent(address, dialer.timeout)),
    };
    let connection = Connection(Arc::new(Shared {
        sender,
        streams: AtomicUsize::new(0),
        opened: AtomicUsize::new(0),
        traffic: Arc::clone(&traffic),
    }));
    let task = tokio::spawn(keep(driver, connection.downgrade(), traffic, forget));
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
        "the server at {server} does not speak HTTP/2 ({what}): {HTTP2_ADVICE}"
    ))
}

fn silent(address: &Address, time: Duration) -> DialError {
    let (server, time) = (&address.authority, time.as_millis());
    DialError::from(format!(
        "the server at {server} did not begin HTTP/2 within {time} ms: if it speaks HTTP/1.1 only, {HTTP2_ADVICE}"
    ))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_max_send_streams(MAX_HTTP2_STREAMS)
        .initial_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .data_frame_budget(HTTP2_SMALL_PIECES_BYTES)
        .max_concurrent_reset_streams(MAX_HTTP2_LEFT_STREAMS)
        // Late answers of streams that visitors have left count as errors, and must not end the connection for the others.
        .max_local_error_reset_streams(None)
        .max_send_buffer_size(HTTP2_SEND_BUFFER_BYTES)
        .max_header_list_size(u32::try_from(MAX_ANSWER_HEAD_BYTES).unwrap_or(u32::MAX));
    builder
}

/// Moves the bytes of a connection until it ends by itself, or its server is gone.
async fn keep(
    mut driver: h2::client::Connection<WatchedStream, Bytes>,
    connection: WeakConnection,
    traffic: Arc<Traffic>,
    forget: impl Fn(&WeakConnection),
) {
    let pings = driver.ping_pong();
    let watching = pin!(watch(pings, &connection, &traffic, &forget));
    tokio::select! {
        ended = driver => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection to a service ended early");
            }
        }
        () = watching => tracing::debug!("a service takes no bytes, or answers no ping"),
    }
    forget(&connection);
}

/// Returns once the server does not answer a ping, or does not let the connection end. A connection that was idle for too long is
/// forgotten, and ends by itself then.
async fn watch(
    mut pings: Option<PingPong>,
    connection: &WeakConnection,
    traffic: &Traffic,
    forget: &impl Fn(&WeakConnection),
) {
    let mut plan = PingPlan::new();
    loop {
        sleep(HTTP2_LOOK_PERIOD).await;
        match plan.look(connection.look(traffic)) {
            Due::Nothing => {}
            Due::Ping => {
                if !answers(pings.as_mut()).await {
                    return;
                }
                plan.answered(traffic.reads());
            }
            Due::Forget => forget(connection),
            Due::End => return,
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
