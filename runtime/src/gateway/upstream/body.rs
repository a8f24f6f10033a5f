//! The body of an answer. When it was read to its end, its connection can take the next request.

use std::sync::{Arc, Weak};

use axum::body::Body;
use hyper::{body::Incoming, client::conn::http1::SendRequest};

use super::lot::{IDLE_TIMEOUT, Lot};
use crate::gateway::{
    registration::Origin,
    watched::{Seen, Watched, Watcher},
};

/// A body that streams from a service. Dropping it before its end closes the connection.
pub(crate) type UpstreamBody = Watched<Incoming, Option<Returns>>;

/// The way back into the lot.
pub(crate) struct Returns {
    lot: Weak<Lot<SendRequest<Body>>>,
    origin: Origin,
    sender: SendRequest<Body>,
}

impl Watcher for Option<Returns> {
    fn saw(&mut self, seen: Seen) {
        match seen {
            Seen::Piece => {}
            Seen::End => self.take().into_iter().for_each(Returns::give_back),
            Seen::Broken => *self = None,
        }
    }
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
