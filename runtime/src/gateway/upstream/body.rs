//! The body of an answer. When it was read to its end, its connection can take the next request.

use std::{
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::{body::Incoming, client::conn::http1::SendRequest};

use super::lot::{IDLE_TIMEOUT, Lot};
use crate::gateway::registration::Origin;

/// A body that streams from a service. Dropping it before its end closes the connection.
pub(crate) struct UpstreamBody {
    incoming: Incoming,
    returns: Option<Returns>,
}

/// The way back into the pool.
pub(super) struct Returns {
    lot: Weak<Lot<SendRequest<Body>>>,
    origin: Origin,
    sender: SendRequest<Body>,
}

impl Returns {
    pub(super) fn new(lot: &Arc<Lot<SendRequest<Body>>>, origin: Origin, sender: SendRequest<Body>) -> Self {
        Self {
            lot: Arc::downgrade(lot),
            origin,
            sender,
        }
    }

    /// Puts the connection back once it can take a request. An answer can end before the upload that it answers.
    fn give_back(mut self) {
        if self.sender.is_ready() {
            return self.put();
        }
        tokio::spawn(async move {
            if let Ok(Ok(())) = tokio::time::timeout(IDLE_TIMEOUT, self.sender.ready()).await {
                self.put();
            }
        });
    }

    fn put(self) {
        if let Some(lot) = self.lot.upgrade() {
            lot.keep(&self.origin, self.sender);
        }
    }
}

impl UpstreamBody {
    pub(super) fn new(incoming: Incoming, returns: Option<Returns>) -> Self {
        let mut body = Self { incoming, returns };
        if body.incoming.is_end_stream() {
            body.give_back();
        }
        body
    }

    fn give_back(&mut self) {
        if let Some(returns) = self.returns.take() {
            returns.give_back();
        }
    }
}

impl HttpBody for UpstreamBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        match &frame {
            Some(Err(_)) => self.returns = None,
            None => self.give_back(),
            Some(Ok(_)) if self.incoming.is_end_stream() => self.give_back(),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
