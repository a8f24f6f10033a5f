//! The body of an answer. When it was read to its end, its connection can take the next request.

use std::sync::{Arc, Weak};

use hyper::body::Incoming;

use super::{
    connect::Sender,
    idle::{IDLE_TIMEOUT, IdlePool},
};
use crate::{
    edge::observed_body::{Seen, Watched, Watcher},
    registry::instance::Origin,
};

/// A body that streams from a service. Dropping it before its end closes the connection.
pub(crate) type UpstreamBody = Watched<Incoming, Option<Returns>>;

/// The way back into the pool of idle connections.
pub(crate) struct Returns {
    idle: Weak<IdlePool<Sender>>,
    origin: Origin,
    sender: Sender,
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
    pub(super) fn new(idle: &Arc<IdlePool<Sender>>, origin: Origin, sender: Sender) -> Self {
        Self {
            idle: Arc::downgrade(idle),
            origin,
            sender,
        }
    }

    /// Puts the connection back once it can take a request. An answer can end before the upload that it answers.
    fn give_back(mut self) {
        if self.sender.requests.is_ready() {
            return self.put();
        }
        tokio::spawn(async move {
            if let Ok(Ok(())) = tokio::time::timeout(IDLE_TIMEOUT, self.sender.requests.ready()).await {
                self.put();
            }
        });
    }

    fn put(self) {
        if let Some(idle) = self.idle.upgrade() {
            idle.keep(&self.origin, self.sender);
        }
    }
}
