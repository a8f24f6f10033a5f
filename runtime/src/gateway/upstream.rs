//! Connections to services: a small pool of HTTP/1.1 connections, each used by one request at a time; and `lean` ones
//! for calls that do not stream.

mod body;
mod connect;
mod lean;
mod stream;
mod tls;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::body::Body;
use http::{Request, Response, StatusCode};
use hyper::client::conn::http1::SendRequest;

use super::registration::{Address, Origin};
pub(crate) use body::UpstreamBody;
pub(crate) use connect::Dialer;
pub(crate) use lean::{Answer, Ask, CallError, Calls};
pub(crate) use tls::Trust;

/// An idle connection is not used any more after this: common servers close theirs after 5 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// The most idle connections to one address.
const MAX_IDLE: usize = 512;

/// A pool. It belongs to one thread's runtime: its connections live there.
pub(crate) struct Pool {
    dialer: Dialer,
    idle: Mutex<Idle>,
    calls: Calls,
}

/// Connections that wait, newest last. The lock is held to take or put one, never across an await.
#[derive(Default)]
struct Idle {
    by_origin: HashMap<Origin, Vec<Waiting>>,
    swept: Option<Instant>,
}

struct Waiting {
    sender: SendRequest<Body>,
    since: Instant,
}

/// A request that got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// Nothing of it was sent, so it can be sent elsewhere.
    #[error("cannot connect: {reason}")]
    NotSent {
        reason: String,
        request: Box<Request<Body>>,
    },
    /// The connection broke after the request began.
    #[error("the connection broke: {0}")]
    Broken(hyper::Error),
}

impl Pool {
    pub(crate) fn new(dialer: Dialer) -> Arc<Self> {
        Arc::new(Self {
            calls: Calls::new(dialer.clone()),
            dialer,
            idle: Mutex::default(),
        })
    }

    /// For calls whose bodies are short enough to be held.
    pub(crate) fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Sends a request in origin form to `address` and waits for the head of the answer.
    /// The connection returns to the pool when the body was read to its end. Connecting ends at `until` in any case, and
    /// then says so: who only drops this at that time never learns that an address swallows all packets.
    pub(crate) async fn send(
        self: &Arc<Self>,
        address: &Address,
        mut request: Request<Body>,
        until: tokio::time::Instant,
    ) -> Result<Response<UpstreamBody>, SendError> {
        // An upgraded connection never comes back, and a fresh one cannot have been closed meanwhile.
        let may_reuse = !request.headers().contains_key(http::header::UPGRADE);
        while may_reuse && let Some(sender) = self.take(address) {
            match self.exchange(address, sender, request).await {
                Err(SendError::NotSent { request: unsent, .. }) => request = *unsent,
                answered => return answered,
            }
        }
        let opened = self.dialer.open(address, until).await;
        let sender = match opened {
            Ok(stream) => connect::handshake(stream).await,
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

    async fn exchange(
        self: &Arc<Self>,
        address: &Address,
        mut sender: SendRequest<Body>,
        request: Request<Body>,
    ) -> Result<Response<UpstreamBody>, SendError> {
        match sender.try_send_request(request).await {
            Ok(response) => {
                let keeps = response.status() != StatusCode::SWITCHING_PROTOCOLS;
                let returns = keeps.then(|| body::Returns::new(self, address, sender));
                Ok(response.map(|incoming| UpstreamBody::new(incoming, returns)))
            }
            Err(mut error) => match error.take_message() {
                Some(request) => Err(SendError::NotSent {
                    reason: error.into_error().to_string(),
                    request: Box::new(request),
                }),
                None => Err(SendError::Broken(error.into_error())),
            },
        }
    }

    fn take(&self, address: &Address) -> Option<SendRequest<Body>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.by_origin.get_mut(&address.origin())?;
        while let Some(Waiting { sender, since }) = waiting.pop() {
            if since.elapsed() > IDLE_TIMEOUT {
                // The others have waited for even longer.
                waiting.clear();
                return None;
            }
            // Never wait for one: whoever used it last decides how long that takes.
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    /// Keeps a connection for the next request, if it can take one now.
    fn put(&self, origin: &Origin, sender: SendRequest<Body>) {
        if !sender.is_ready() {
            return;
        }
        let now = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.by_origin.entry(origin.clone()).or_default();
        if waiting.len() < MAX_IDLE {
            waiting.push(Waiting { sender, since: now });
        }
        idle.sweep(now);
    }
}

impl Idle {
    /// Closes what waited too long, now and then, so that addresses that are gone do not stay.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now - swept < IDLE_TIMEOUT) {
            return;
        }
        self.swept = Some(now);
        self.by_origin.retain(|_, waiting| {
            waiting.retain(|one| now - one.since <= IDLE_TIMEOUT && !one.sender.is_closed());
            !waiting.is_empty()
        });
    }
}

#[cfg(test)]
mod tests;
