//! Connections to services: a pool of HTTP/1.1 connections for the requests of visitors, the client of `buffered_client` for calls
//! with whole bodies, and `http2` for servers that speak HTTP/2.

mod address_policy;
mod body;
mod buffered_client;
mod connect;
mod connection;
mod direct;
mod distrusted_addresses;
mod early_hints;
mod expect;
mod framing;
mod http2;
mod http2_calls;
mod idle;
pub(crate) mod outside;
pub(crate) mod probes;
mod stream;
mod tls;

use std::sync::Arc;

use crate::registry::instance::Address;
use axum::{
    BoxError,
    body::{Body, Bytes},
};
use body::PoolReturn;
pub(crate) use body::UpstreamBody;
pub(crate) use buffered_client::{Answer, CallClient, CallError, CallRequest, Pipelines};
use connect::Sender;
pub(crate) use connect::{DialError, Dialer};
use connection::Connection;
use direct::{DirectConnection, DirectError, RequestBytes};
pub(crate) use distrusted_addresses::Distrusted;
use early_hints::Hints;
pub(crate) use expect::{Expectation, expects_continue};
pub(crate) use framing::codings_are_known;
use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode, header::UPGRADE};
use http2::{Http2Client, Http2Error};
use idle::{IdlePool, Risk, WayBack};
use tls::Alpn;
pub(crate) use tls::Trust;

/// A pool of connections. It belongs to the runtime of one thread, in which its connections live.
pub(crate) struct ConnectionPool {
    dialer: Dialer,
    idle: Arc<IdlePool<Connection>>,
    calls: CallClient,
    http2: Http2Client,
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// Nothing of the request was sent, so it can be sent elsewhere.
    #[error("cannot connect: {reason}")]
    NotSent {
        reason: DialError,
        request: Box<Request<Body>>,
    },
    /// The connection ended after the request began, and before the answer did.
    #[error("the connection broke: {0}")]
    Lost(BoxError),
    /// The body of the visitor's request broke off.
    #[error("the body of the request broke off: {0}")]
    Visitor(BoxError),
    /// The answer cannot be used.
    #[error("the answer cannot be used: {0}")]
    BadAnswer(&'static str),
}

impl SendError {
    /// Why nothing of the request was sent.
    pub(crate) fn not_sent(&self) -> Option<&str> {
        match self {
            Self::NotSent { reason, .. } => Some(&reason.reason),
            _ => None,
        }
    }

    /// The error of a request that was sent at least in part.
    fn of(error: hyper::Error) -> Self {
        if error.is_user() {
            Self::Visitor(error.into())
        } else if error.is_parse_too_large() {
            Self::BadAnswer(framing::TOO_LARGE)
        } else if error.is_parse() {
            tracing::debug!(%error, "an answer cannot be read");
            Self::BadAnswer("its head is not HTTP/1.1")
        } else {
            Self::Lost(error.into())
        }
    }
}

impl From<Http2Error> for SendError {
    fn from(error: Http2Error) -> Self {
        match error {
            Http2Error::NotSent(reason, request) => Self::NotSent { reason, request },
            Http2Error::Lost(error) => Self::Lost(error),
            Http2Error::BrokenOff(error) => Self::Visitor(error),
            Http2Error::BadAnswer(reason) => Self::BadAnswer(reason),
        }
    }
}

impl ConnectionPool {
    /// An empty pool. It keeps no connections to `distrusted` addresses.
    pub(crate) fn new(dialer: Dialer, distrusted: &Arc<Distrusted>) -> Arc<Self> {
        Arc::new(Self {
            calls: CallClient::new(dialer.clone(), distrusted),
            http2: Http2Client::new(dialer.clone()),
            dialer,
            idle: IdlePool::new(Arc::clone(distrusted)),
        })
    }

    /// How many connections wait for their next request.
    pub(crate) fn idle_count(&self) -> usize {
        self.idle.count() + self.calls.idle.count() + self.http2.idle_count()
    }

    /// Calls `address`, whose answer is short enough to be held in memory. Dropping the future ends the call. Connecting ends at
    /// `until` in any case, with an error.
    pub(crate) async fn call(
        &self,
        address: &Address,
        call_request: &CallRequest<'_>,
        until: tokio::time::Instant,
    ) -> Result<Answer, CallError> {
        if address.is_http2 {
            // Boxed since most services speak HTTP/1.1: their own futures stay small.
            return Box::pin(http2_calls::call(&self.http2, address, call_request, until)).await;
        }
        self.calls.call(address, call_request, until).await
    }

    #[cfg(test)]
    pub(crate) fn calls(&self) -> &CallClient {
        &self.calls
    }

    /// Sends a request in origin form to `address`, and waits for the head of the answer. The connection returns to
    /// the pool when the body was read to its end.
    ///
    /// Connecting ends at `until` in any case, with an error: a caller that only dropped this future would never
    /// learn that an address swallows all packets.
    pub(crate) async fn send(
        &self,
        address: &Address,
        mut request: Request<Body>,
        until: tokio::time::Instant,
    ) -> Result<Response<UpstreamBody>, SendError> {
        let is_upgrade = request.headers().contains_key(UPGRADE);
        if goes_over_http2(address, &request) {
            return Box::pin(self.send_http2(address, request, until)).await;
        }
        // An upgraded connection never returns to the pool, and a new one cannot have been closed meanwhile.
        let may_reuse = !is_upgrade;
        let key = address.pool_key();
        // A body that streams cannot be sent again.
        while may_reuse && let Some(connection) = self.idle.take(&key, Risk::Loss) {
            match self.exchange(address, connection, request).await {
                Err(SendError::NotSent { request: unsent, .. }) => request = *unsent,
                Err(error @ SendError::Lost(_)) => {
                    self.idle.forget(&key);
                    return Err(error);
                }
                answered => return answered,
            }
        }
        Box::pin(self.connect_and_send(address, request, until)).await
    }

    /// The same over a connection that is opened for the request.
    ///
    /// The future is boxed since most requests reuse a connection: their own futures stay small.
    pub(crate) fn send_on_new<'a>(
        &'a self,
        address: &'a Address,
        request: Request<Body>,
        until: tokio::time::Instant,
    ) -> BoxFuture<'a, Result<Response<UpstreamBody>, SendError>> {
        if goes_over_http2(address, &request) {
            // A connection that has ended is not in the pool.
            return Box::pin(self.send_http2(address, request, until));
        }
        Box::pin(self.connect_and_send(address, request, until))
    }

    async fn send_http2(
        &self,
        address: &Address,
        mut request: Request<Body>,
        until: tokio::time::Instant,
    ) -> Result<Response<UpstreamBody>, SendError> {
        let (hints, listener) = Hints::listening(&mut request);
        let mut interim = |came: &Response<()>| listener.hear(came.status(), came.headers());
        let mut response = self.http2.send(address, request, until, &mut interim).await?;
        framing::normalize(&mut response).map_err(SendError::BadAnswer)?;
        hints.join(response.headers_mut());
        Ok(response.map(UpstreamBody::http2))
    }

    async fn connect_and_send(
        &self,
        address: &Address,
        request: Request<Body>,
        until: tokio::time::Instant,
    ) -> Result<Response<UpstreamBody>, SendError> {
        match self.dialer.open(address, Alpn::Http1, until).await {
            Ok(stream) => {
                let connection = Connection::Direct(DirectConnection::new(stream));
                self.exchange(address, connection, request).await
            }
            Err(reason) => Err(SendError::NotSent {
                reason,
                request: Box::new(request),
            }),
        }
    }

    /// Checks whether `address` accepts connections. The connection is closed again.
    pub(crate) async fn probe(
        &self,
        address: &Address,
        until: tokio::time::Instant,
    ) -> Result<(), DialError> {
        if address.is_http2 {
            return self.http2.probe(address, until).await;
        }
        self.dialer.open(address, Alpn::Http1, until).await.map(drop)
    }

    async fn exchange(
        &self,
        address: &Address,
        connection: Connection,
        mut request: Request<Body>,
    ) -> Result<Response<UpstreamBody>, SendError> {
        let connection = match connection {
            Connection::Hyper(sender) => return self.exchange_over_hyper(address, sender, request).await,
            Connection::Direct(connection) => connection,
        };
        let whole = direct::whole_body(&mut request)
            .await
            .map_err(SendError::Visitor)?;
        match whole {
            Some(body) => self.exchange_directly(address, connection, request, body).await,
            // Boxed: few requests come here.
            None => Box::pin(self.hand_to_hyper(address, connection, request)).await,
        }
    }

    async fn exchange_directly(
        &self,
        address: &Address,
        connection: DirectConnection,
        mut request: Request<Body>,
        body: Bytes,
    ) -> Result<Response<UpstreamBody>, SendError> {
        let way_back = WayBack::new(&self.idle, address.pool_key());
        let bytes = RequestBytes::new(&request, &body);
        let sent = direct::send(connection, &bytes, way_back).await;
        let answered = sent.map(|response| response.map(UpstreamBody::direct));
        answered.map_err(|error| match error {
            DirectError::NotSent(error) => {
                *request.body_mut() = Body::from(body);
                SendError::NotSent {
                    reason: error.into(),
                    request: Box::new(request),
                }
            }
            DirectError::Other(error) => error,
        })
    }

    async fn hand_to_hyper(
        &self,
        address: &Address,
        connection: DirectConnection,
        request: Request<Body>,
    ) -> Result<Response<UpstreamBody>, SendError> {
        let way_back = WayBack::new(&self.idle, address.pool_key());
        match connect::handshake(connection.into_stream(), move || way_back.found_surplus()).await {
            Ok(sender) => self.exchange_over_hyper(address, sender, request).await,
            Err(reason) => Err(SendError::NotSent {
                reason,
                request: Box::new(request),
            }),
        }
    }

    async fn exchange_over_hyper(
        &self,
        address: &Address,
        mut sender: Sender,
        mut request: Request<Body>,
    ) -> Result<Response<UpstreamBody>, SendError> {
        let hints = Hints::before_answer_to(&mut request);
        match sender.requests.try_send_request(request).await {
            Ok(mut response) => {
                framing::normalize(&mut response).map_err(SendError::BadAnswer)?;
                let keeps = response.status() != StatusCode::SWITCHING_PROTOCOLS;
                if keeps {
                    hints.join(response.headers_mut());
                }
                let way_back = || WayBack::new(&self.idle, address.pool_key());
                let returns = keeps.then(|| PoolReturn::new(sender, way_back()));
                Ok(response.map(|incoming| UpstreamBody::hyper(incoming, returns)))
            }
            Err(mut error) => match error.take_message() {
                Some(request) => Err(SendError::NotSent {
                    reason: DialError::from(error.into_error().to_string()),
                    request: Box::new(request),
                }),
                None => Err(SendError::of(error.into_error())),
            },
        }
    }
}

/// Whether a request goes over HTTP/2. WebSockets do not.
fn goes_over_http2(address: &Address, request: &Request<Body>) -> bool {
    address.is_http2 && !request.headers().contains_key(UPGRADE)
}

#[cfg(test)]
mod distrusted_addresses_tests;
#[cfg(test)]
mod tests;
