//! Channels over RSocket 1.0, by WebSocket or TCP.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{
    FutureExt as _, Stream, StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use http::Uri;
use hydra_runtime_rsocket::{
    self as rsocket, CloseReason, Config, Credit, ErrorCode, Failure, Incoming, Payload, RequestError,
    Requester, Responder, Setup,
    metadata::COMPOSITE_METADATA,
    transport::{
        Transport,
        tcp::Tcp,
        websocket::{self, WebSocket},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::{
    ChannelConfig, ChannelEnd, ChannelRequest, ConnectError, Handler, Link, LinkError, LinkStatistics,
    Refusal, RefusalKind, metadata,
};
use crate::limits::{
    CHANNEL_STREAM_CREDIT, MAX_CHANNEL_PARTIAL_BYTES, MAX_CHANNEL_REQUESTS, MAX_CHANNEL_SETUP_BYTES,
};

/// The type of all data of a channel.
const JSON: &str = "application/json";

/// Opens a channel to a gateway, `http://host:port`, within `until`. `data` is that of the SETUP, which `tokens` sign, one for each valid
/// key. The channel closes when the link is dropped.
///
/// # Errors
/// The gateway can't be reached, or does not open a channel. A gateway that refuses the SETUP ends the channel afterwards.
pub async fn connect(
    gateway: &Uri,
    path: &str,
    data: Vec<u8>,
    tokens: &[&str],
    handler: Arc<dyn Handler>,
    (config, until): (ChannelConfig, Instant),
) -> Result<Arc<dyn Link>, ConnectError> {
    let away = |reason: &dyn std::fmt::Display| ConnectError::Away(reason.to_string());
    let refused = |reason: &dyn std::fmt::Display| ConnectError::Refused(reason.to_string());
    let authority = gateway
        .authority()
        .ok_or_else(|| refused(&"its address has no host"))?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let connecting = TcpStream::connect((host, gateway.port_u16().unwrap_or(80)));
    let stream = timeout_at(until, connecting)
        .await
        .map_err(|_| away(&"it took too long"))?
        .map_err(|error| away(&error))?;
    stream.set_nodelay(true).map_err(|error| away(&error))?;
    let url = format!("ws://{authority}{path}");
    let shaking = websocket::handshake(&url, stream);
    let transport = timeout_at(until, shaking)
        .await
        .map_err(|_| refused(&"it did not answer in time"))?
        .map_err(|error| refused(&error))?;
    let setup = Setup {
        data_mime_type: JSON.to_owned(),
        payload: Payload {
            metadata: metadata::setup(tokens),
            data: data.into(),
        },
        ..Setup::default()
    };
    let requester = rsocket::connect(transport, setup, Answering(handler), settings(config));
    Ok(Arc::new(Rsocket(requester.map_err(|error| refused(&error))?)))
}

/// A channel that a service wants to open, and about which the gateway decides. Dropping it closes the connection.
pub struct Opening {
    incoming: Box<dyn Undecided>,
    /// The data of the SETUP.
    pub data: Bytes,
    /// The tokens that sign the data, one for each valid key. Empty: it is not signed.
    pub tokens: Vec<String>,
}

/// Waits for the SETUP of a service on a connection that has switched to WebSocket. One whose data are not JSON is refused.
///
/// # Errors
/// Why there is no SETUP that could be accepted, for the log. The service was told.
pub async fn receive_websocket<S>(stream: S, config: ChannelConfig) -> Result<Opening, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    receive(WebSocket::upgraded(stream, config.max_payload_bytes).await).await
}

/// Waits for the SETUP of a service on a connection on which each frame has its length before it.
///
/// # Errors
/// As for [`receive_websocket`].
pub async fn receive_tcp<S>(stream: S, config: ChannelConfig) -> Result<Opening, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    receive(Tcp::new(stream).with_max_frame_bytes(config.max_payload_bytes)).await
}

async fn receive<T: Transport>(transport: T) -> Result<Opening, String> {
    let mut incoming = rsocket::receive_setup(transport)
        .await
        .map_err(|error| error.to_string())?;
    if let Some(reason) = unsupported(&incoming.setup) {
        let failure = Failure::new(ErrorCode::UNSUPPORTED_SETUP, &*reason);
        incoming.refuse(&failure).await;
        return Err(reason);
    }
    let payload = std::mem::take(&mut incoming.setup.payload);
    Ok(Opening {
        incoming: Box::new(incoming),
        data: payload.data,
        tokens: payload.metadata.map(metadata::tokens).unwrap_or_default(),
    })
}

/// Why a SETUP can't open a channel, whatever it says.
fn unsupported(setup: &Setup) -> Option<String> {
    if setup.data_mime_type != JSON {
        Some(format!("the data must be {JSON}"))
    } else if setup.metadata_mime_type != COMPOSITE_METADATA {
        Some(format!("the metadata must be {COMPOSITE_METADATA}"))
    } else if setup.payload.data.len() > MAX_CHANNEL_SETUP_BYTES {
        Some(format!(
            "the data are longer than {MAX_CHANNEL_SETUP_BYTES} bytes"
        ))
    } else {
        None
    }
}

/// A connection with a SETUP, over any transport.
trait Undecided: Send {
    fn accept(self: Box<Self>, handler: Answering, config: Config) -> Requester;

    fn refuse(self: Box<Self>, failure: Failure) -> BoxFuture<'static, ()>;
}

impl<T: Transport> Undecided for Incoming<T> {
    fn accept(self: Box<Self>, handler: Answering, config: Config) -> Requester {
        Incoming::accept(*self, handler, config)
    }

    fn refuse(self: Box<Self>, failure: Failure) -> BoxFuture<'static, ()> {
        async move { Incoming::refuse(*self, &failure).await }.boxed()
    }
}

impl Opening {
    /// Opens the channel, in a task of the current runtime. The channel stays open without the link.
    pub fn accept(self, handler: Arc<dyn Handler>, config: ChannelConfig) -> Arc<dyn Link> {
        let requester = self.incoming.accept(Answering(handler), settings(config));
        Arc::new(Rsocket(requester))
    }

    /// Refuses the channel. The service is told why.
    pub async fn refuse(self, reason: &str) {
        let failure = Failure::new(ErrorCode::REJECTED_SETUP, reason);
        self.incoming.refuse(failure).await;
    }
}

fn settings(config: ChannelConfig) -> Config {
    Config {
        keepalive_interval: config.keepalive,
        keepalive_lifetime: config.lifetime,
        max_payload_bytes: config.max_payload_bytes,
        max_partial_bytes: MAX_CHANNEL_PARTIAL_BYTES,
        max_requests: MAX_CHANNEL_REQUESTS,
        ..Config::default()
    }
}

struct Rsocket(Requester);

impl Rsocket {
    /// The payload of a request, or why it can't be sent.
    fn payload(&self, request: ChannelRequest) -> Result<Payload, LinkError> {
        if let Some(reason) = self.0.close_reason() {
            return Err(LinkError::Undone(reason.to_string()));
        }
        metadata::payload(request).map_err(|error| LinkError::Undone(error.to_string()))
    }
}

impl Link for Rsocket {
    fn request(&self, request: ChannelRequest) -> BoxFuture<'_, Result<Bytes, LinkError>> {
        async move {
            let payload = self.payload(request)?;
            let answer = self.0.request_response(payload).await;
            answer.map(|answer| answer.data).map_err(link_error)
        }
        .boxed()
    }

    fn follow(&self, request: ChannelRequest) -> BoxStream<'static, Result<Bytes, LinkError>> {
        let (payload, requester) = (self.payload(request), self.0.clone());
        let begin = async move {
            let credit = Credit::Window(CHANNEL_STREAM_CREDIT);
            let items = requester.request_stream(payload?, credit).await;
            items.map_err(link_error)
        };
        let items = stream::once(begin).flat_map(|begun| match begun {
            Ok(items) => items
                .map(|item| item.map(|item| item.data).map_err(link_error))
                .boxed(),
            Err(error) => stream::once(std::future::ready(Err(error))).boxed(),
        });
        items.boxed()
    }

    fn tell(&self, request: ChannelRequest) -> BoxFuture<'_, ()> {
        async move {
            if let Ok(payload) = self.payload(request) {
                // A channel that has ended meanwhile tells its peer by that.
                let _ = self.0.fire_and_forget(payload).await;
            }
        }
        .boxed()
    }

    fn close(&self) {
        self.0.close();
    }

    fn abort(&self, reason: &str) {
        self.0.abort(reason);
    }

    fn closed(&self) -> BoxFuture<'_, ChannelEnd> {
        async move { end(&self.0.closed().await) }.boxed()
    }

    fn is_open(&self) -> bool {
        self.0.close_reason().is_none()
    }

    fn statistics(&self) -> LinkStatistics {
        let statistics = self.0.statistics();
        LinkStatistics {
            received_bytes: statistics.received_bytes,
            sent_bytes: statistics.sent_bytes,
            requests: statistics.requests,
            served: statistics.served,
            round_trip: statistics.round_trip,
        }
    }
}

fn end(reason: &CloseReason) -> ChannelEnd {
    let kind = match reason {
        CloseReason::Closed | CloseReason::PeerClosed | CloseReason::Peer(_) => "closed",
        CloseReason::Lost | CloseReason::Failed(_) => "lost",
        CloseReason::Silent(_) => "silent",
        CloseReason::NotReading(_) => "unread",
        CloseReason::Protocol(_) => "protocol",
    };
    let reason = reason.to_string();
    ChannelEnd { kind, reason }
}

fn link_error(error: RequestError) -> LinkError {
    match error {
        // The responder guarantees that it did not begin (specification, section Error Codes).
        RequestError::Peer(failure) if failure.code == ErrorCode::REJECTED => {
            LinkError::Undone(failure.message)
        }
        RequestError::Peer(failure) => LinkError::Failed(failure.message),
        RequestError::Closed(reason) => LinkError::Lost(reason.to_string()),
        RequestError::Refused(refused) => LinkError::Undone(refused.to_string()),
        RequestError::TooLong(limit) => LinkError::Failed(format!("the answer is longer than {limit} bytes")),
        error @ (RequestError::TooMany | RequestError::Own(_)) => LinkError::Failed(error.to_string()),
    }
}

/// The handler of a channel as a responder of RSocket.
struct Answering(Arc<dyn Handler>);

impl Responder for Answering {
    async fn request_response(&self, payload: Payload) -> Result<Payload, Failure> {
        let request = metadata::request(payload).map_err(failure)?;
        self.0.answer(request).await.map(Payload::from).map_err(failure)
    }

    async fn fire_and_forget(&self, payload: Payload) {
        if let Ok(request) = metadata::request(payload) {
            self.0.told(request).await;
        }
    }

    fn request_stream(&self, payload: Payload) -> impl Stream<Item = Result<Payload, Failure>> + Send {
        let items = match metadata::request(payload) {
            Ok(request) => self.0.follow(request),
            Err(refusal) => stream::once(std::future::ready(Err(refusal))).boxed(),
        };
        items.map(|item| item.map(Payload::from).map_err(failure))
    }

    fn takes_items_ahead(&self) -> bool {
        false
    }
}

fn failure(refusal: Refusal) -> Failure {
    let code = match refusal.kind {
        RefusalKind::Invalid => ErrorCode::INVALID,
        RefusalKind::Rejected => ErrorCode::REJECTED,
        RefusalKind::Failed => ErrorCode::APPLICATION_ERROR,
    };
    Failure::new(code, refusal.reason)
}
