//! HTTP/2 to servers that speak it: many requests share one connection. A pool of its own beside those for HTTP/1.1.
//!
//! It uses the crate `h2` and not hyper's client, which is made of it: that client drops interim answers, doesn't give a request back
//! that the server has refused unprocessed, and starts a task for each request.

mod body;
mod connection;
mod exchange;
mod meter;
mod pings;
mod pool;
mod replay;
mod request;
mod stream;
mod upload;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{BoxError, body::Body};
use http::{Request, Response};
use tokio::time::Instant;

pub(crate) use body::Http2Body;
use exchange::{ExchangeError, Interim, exchange};
use pool::Connections;

use super::connect::{DialError, Dialer};
use crate::{limits::HTTP2_REPEATS, registry::instance::Address};

/// Why a request over HTTP/2 got no answer.
#[derive(Debug)]
pub(super) enum Http2Error {
    /// Nothing of the request was processed, so it can be sent elsewhere.
    NotSent(DialError, Box<Request<Body>>),
    /// The request may have been processed.
    Lost(BoxError),
    /// The body of the request broke off.
    BrokenOff(BoxError),
    /// The answer can't be used.
    BadAnswer(&'static str),
}

/// The client. It belongs to the runtime of one thread, in which its connections live.
pub(super) struct Http2Client {
    connections: Arc<Connections>,
}

impl Http2Client {
    pub(super) fn new(dialer: Dialer) -> Self {
        Self {
            connections: Connections::new(dialer),
        }
    }

    /// How many connections wait for their next request.
    pub(super) fn idle_count(&self) -> usize {
        self.connections.idle_count()
    }

    /// Checks whether `address` accepts connections and speaks HTTP/2.
    pub(super) async fn probe(&self, address: &Address, until: Instant) -> Result<(), DialError> {
        self.connections.probe(address, until).await
    }

    /// Sends a request in origin form to `address`, and waits for the head of the answer. Connecting ends at `until` in any case,
    /// with an error.
    ///
    /// A request that the server has not processed is sent once more; so is a safe one without a body whose connection, open since
    /// before, turned out to be dead (RFC 9110 section 9.2.2).
    pub(super) async fn send(
        &self,
        address: &Address,
        request: Request<Body>,
        until: Instant,
        interim: Interim<'_>,
    ) -> Result<Response<Http2Body>, Http2Error> {
        let (parts, mut body) = request.into_parts();
        let mut repeats = 0;
        loop {
            let head =
                request::head(&parts, address).map_err(|reason| Http2Error::BrokenOff(reason.into()))?;
            let reserved = match self.connections.reserve(address, until).await {
                Ok(reserved) => reserved,
                Err(reason) => {
                    let request = Request::from_parts(parts, body);
                    return Err(Http2Error::NotSent(reason, Box::new(request)));
                }
            };
            let is_reused = reserved.is_reused;
            let is_last = repeats >= HTTP2_REPEATS;
            body = match exchange(reserved, head, body, &mut *interim).await {
                Ok(answer) => return Ok(answer),
                Err(ExchangeError::Unprocessed(body, why)) if is_last => {
                    let request = Request::from_parts(parts, body);
                    return Err(Http2Error::NotSent(DialError::from(why), Box::new(request)));
                }
                Err(ExchangeError::Unprocessed(body, _)) => body,
                Err(ExchangeError::Lost {
                    empty: Some(body), ..
                }) if is_reused && !is_last && parts.method.is_safe() => body,
                Err(ExchangeError::Lost { error, .. }) => return Err(Http2Error::Lost(error)),
                Err(ExchangeError::BrokenOff(error)) => return Err(Http2Error::BrokenOff(error)),
                Err(ExchangeError::BadAnswer(reason)) => return Err(Http2Error::BadAnswer(reason)),
            };
            repeats += 1;
        }
    }
}
