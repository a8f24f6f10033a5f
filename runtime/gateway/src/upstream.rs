//! Connections to services: a small pool of HTTP/1.1 connections, each used by one request at a time; and `lean` ones
//! for calls that do not stream.

mod address_policy;
mod body;
mod connect;
mod framing;
mod hints;
mod idle;
mod lean;
pub(crate) mod probes;
mod stream;
mod surplus;
mod tls;

use std::sync::Arc;

use crate::registry::instance::Address;
use axum::body::Body;
use body::PoolReturn;
pub(crate) use body::UpstreamBody;
use connect::Sender;
pub(crate) use connect::{DialError, Dialer};
pub(crate) use framing::codings_are_known;
use hints::Hints;
use http::{Request, Response, StatusCode};
use idle::{IdlePool, Risk};
pub(crate) use lean::{Answer, CallClient, CallError, CallRequest};
pub(crate) use surplus::Distrusted;
pub(crate) use tls::Trust;

/// A pool. It belongs to one thread's runtime: its connections live there.
pub(crate) struct ConnectionPool {
    dialer: Dialer,
    idle: Arc<IdlePool<Sender>>,
    calls: CallClient,
}

/// A request that got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// Nothing of it was sent, so it can be sent elsewhere.
    #[error("cannot connect: {reason}")]
    NotSent {
        reason: DialError,
        request: Box<Request<Body>>,
    },
    /// The connection ended after the request began, and before the answer did.
    #[error("the connection broke: {0}")]
    Lost(hyper::Error),
    /// The request's own body broke off.
    #[error("the body of the request broke off: {0}")]
    Visitor(hyper::Error),
    /// What came is no answer that can be used.
    #[error("the answer cannot be used: {0}")]
    BadAnswer(&'static str),
}

impl SendError {
    /// Of a request that was sent, at least in part.
    fn of(error: hyper::Error) -> Self {
        if error.is_user() {
            Self::Visitor(error)
        } else if error.is_parse_too_large() {
            Self::BadAnswer(framing::TOO_LARGE)
        } else if error.is_parse() {
            tracing::debug!(%error, "an answer cannot be read");
            Self::BadAnswer("its head is not HTTP/1.1")
        } else {
            Self::Lost(error)
        }
    }
}

impl ConnectionPool {
    /// A pool without connections. It keeps none to what is `distrusted`.
    pub(crate) fn new(dialer: Dialer, distrusted: &Arc<Distrusted>) -> Arc<Self> {
        Arc::new(Self {
            calls: CallClient::new(dialer.clone(), distrusted),
            dialer,
            idle: IdlePool::new(Arc::clone(distrusted)),
        })
    }

    /// For calls whose bodies are short enough to be held.
    pub(crate) fn calls(&self) -> &CallClient {
        &self.calls
    }

    /// Sends a request in key form to `address` and waits for the head of the answer.
    /// The connection returns to the pool when the body was read to its end. Connecting ends at `until` in any case, and
    /// then says so: who only drops this at that time never learns that an address swallows all packets.
    pub(crate) async fn send(
        &self,
        address: &Address,
        mut request: Request<Body>,
        until: tokio::time::Instant,
    ) -> Result<Response<UpstreamBody>, SendError> {
        // An upgraded connection never comes back, and a fresh one cannot have been closed meanwhile.
        let may_reuse = !request.headers().contains_key(http::header::UPGRADE);
        let key = address.pool_key();
        // What streams cannot be sent again.
        while may_reuse && let Some(sender) = self.idle.take(&key, Risk::Loss) {
            match self.exchange(address, sender, request).await {
                Err(SendError::NotSent { request: unsent, .. }) => request = *unsent,
                Err(error @ SendError::Lost(_)) => {
                    self.idle.forget(&key);
                    return Err(error);
                }
                answered => return answered,
            }
        }
        let opened = self.dialer.open(address, until).await;
        let sender = match opened {
            Ok(stream) => {
                let idle = Arc::clone(&self.idle);
                connect::handshake(stream, move || idle.found_surplus(&key)).await
            }
            Err(reason) => Err(reason),
        };
        match sender {
            Ok(sender) => self.exchange(address, sender, request).await,
            Err(reason) => Err(SendError::NotSent {
                reason,
                request: Box::new(request),
            }),
        }
    }

    /// Whether `address` takes connections. The one that is opened for it is closed again.
    pub(crate) async fn probe(
        &self,
        address: &Address,
        until: tokio::time::Instant,
    ) -> Result<(), DialError> {
        self.dialer.open(address, until).await.map(drop)
    }

    async fn exchange(
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
                let returns = keeps.then(|| PoolReturn::new(&self.idle, address.pool_key(), sender));
                Ok(response.map(|incoming| UpstreamBody::new(incoming, returns)))
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

#[cfg(test)]
mod surplus_tests;
#[cfg(test)]
mod tests;
