//! The channel between a service and a gateway: one connection, over which both sides send requests (protocol section 7).
//!
//! [`Link`] and [`Handler`] are all that services and gateways see of it. RSocket stands behind them, in the module `rsocket` alone, so
//! that another codec could take its place.

mod metadata;
mod rsocket;
mod websocket;

use std::{borrow::Cow, fmt, time::Duration};

use bytes::Bytes;
use futures_util::{future::BoxFuture, stream::BoxStream};
use http::{HeaderMap, StatusCode};

pub use rsocket::{Opening, connect, receive_tcp, receive_websocket};
pub use websocket::{Handshake, handshake};

/// The route of a registration, from the service.
pub const REGISTRATION: &str = "registration";
/// The route of a call for fragments, in both directions.
pub const REQUEST_FRAGMENT: &str = "requestFragment";
/// The route of a form that a visitor sent, from the gateway.
pub const ACTION: &str = "action";
/// The route of the stream of overviews, from the service.
pub const OVERVIEW: &str = "overview";
/// The route of the contracts of all services, from the service.
pub const CONTRACTS: &str = "contracts";
/// The route, without an answer, of a service that is about to stop.
pub const LEAVING: &str = "leaving";

/// A request.
#[derive(Clone, Debug, Default)]
pub struct ChannelRequest {
    /// What is requested.
    pub route: Cow<'static, str>,
    /// Headers as the same request has them over HTTP, without those that describe its body or its caller.
    pub headers: HeaderMap,
    /// The body, as over HTTP.
    pub body: Bytes,
}

impl ChannelRequest {
    /// A request without headers.
    #[must_use]
    pub fn new(route: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            route: route.into(),
            headers: HeaderMap::new(),
            body: body.into(),
        }
    }
}

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// The kind.
    pub kind: RefusalKind,
    /// For people, without secrets: the peer gets it.
    pub reason: String,
}

/// What a refusal says about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The request can't be understood.
    Invalid,
    /// Nothing was done.
    Rejected,
    /// The request failed.
    Failed,
}

impl Refusal {
    /// A refusal.
    pub fn new(kind: RefusalKind, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { kind, reason }
    }

    /// The refusal that stands for a status of HTTP.
    pub fn of_status(status: StatusCode, reason: impl Into<String>) -> Self {
        let kind = match status {
            StatusCode::BAD_REQUEST => RefusalKind::Invalid,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::SERVICE_UNAVAILABLE => {
                RefusalKind::Rejected
            }
            _ => RefusalKind::Failed,
        };
        Self::new(kind, reason)
    }
}

/// Why a request over a channel gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The peer certainly did nothing, so that the request may be sent elsewhere.
    #[error("{0}")]
    Undone(String),
    /// The channel ended after the request was sent.
    #[error("the channel ended before an answer came: {0}")]
    Lost(String),
    /// The peer answered with an error, or with something that can't be used.
    #[error("{0}")]
    Failed(String),
}

/// Why a channel ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelEnd {
    /// In few words, for a label of metrics: `closed`, `lost`, `silent`, `unread` or `protocol`.
    pub kind: &'static str,
    /// For the log.
    pub reason: String,
}

impl fmt::Display for ChannelEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// A channel as operators see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStatistics {
    /// Bytes that arrived.
    pub received_bytes: u64,
    /// Bytes that were sent.
    pub sent_bytes: u64,
    /// Requests of this side without an answer yet.
    pub requests: usize,
    /// Requests of the peer that are being answered.
    pub served: usize,
    /// How long the last sign of life took there and back.
    pub round_trip: Option<Duration>,
}

/// One end of an open channel.
pub trait Link: Send + Sync + 'static {
    /// Sends a request. Dropping the future cancels the request, so that the peer stops its work for it.
    fn request(&self, request: ChannelRequest) -> BoxFuture<'_, Result<Bytes, LinkError>>;

    /// Sends a request with many answers. An error is the last item. Dropping the stream cancels the request.
    fn follow(&self, request: ChannelRequest) -> BoxStream<'static, Result<Bytes, LinkError>>;

    /// Sends a request without an answer.
    fn tell(&self, request: ChannelRequest) -> BoxFuture<'_, ()>;

    /// Takes no new requests from either side, and ends the channel when those in flight have ended.
    fn close(&self);

    /// Ends the channel at once, and all requests with it. The peer is told why.
    fn abort(&self, reason: &str);

    /// Waits for the end of the channel.
    fn closed(&self) -> BoxFuture<'_, ChannelEnd>;

    /// Whether the channel has not ended.
    fn is_open(&self) -> bool;

    /// The channel as operators see it.
    fn statistics(&self) -> LinkStatistics;
}

/// Answers the requests of the peer. Each is answered in a task of its own, which is aborted if the peer cancels the request or the
/// channel ends.
pub trait Handler: Send + Sync + 'static {
    /// A request with one answer.
    fn answer(&self, request: ChannelRequest) -> BoxFuture<'_, Result<Bytes, Refusal>>;

    /// A request with many answers. An item is taken only when it can be sent at once, so that it is as new as possible.
    fn follow(&self, request: ChannelRequest) -> BoxStream<'static, Result<Bytes, Refusal>>;

    /// A request without an answer.
    fn told(&self, request: ChannelRequest) -> BoxFuture<'_, ()>;
}

/// The settings of one end of a channel.
#[derive(Clone, Copy, Debug)]
pub struct ChannelConfig {
    /// Silence that ends the channel. It also ends a channel whose peer reads nothing for so long.
    pub lifetime: Duration,
    /// How often a sign of life is sent.
    pub keepalive: Duration,
    /// The longest payload that is accepted.
    pub max_payload_bytes: usize,
}

impl ChannelConfig {
    /// The settings of a channel that takes payloads of this length.
    #[must_use]
    pub fn new(max_payload_bytes: usize) -> Self {
        Self {
            lifetime: crate::limits::CHANNEL_LIFETIME,
            keepalive: crate::limits::CHANNEL_KEEPALIVE_PERIOD,
            max_payload_bytes,
        }
    }
}

/// Why a channel was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The gateway can't be reached.
    #[error("the gateway can't be reached: {0}")]
    Away(String),
    /// The gateway has no channel, or refuses this one.
    #[error("the gateway opens no channel: {0}")]
    Refused(String),
}

#[cfg(test)]
mod tests;
