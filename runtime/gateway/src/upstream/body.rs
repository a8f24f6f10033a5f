//! The body of an answer. When it was read to its end, its connection returns to the pool.

use std::sync::{Arc, Weak};

use hyper::body::Incoming;

use super::{connect::Sender, idle::IdlePool};
use crate::{
    edge::observed_body::{BodyEvent, BodyObserver, ObservedBody},
    limits::IDLE_TIMEOUT,
    registry::instance::PoolKey,
};

/// A body that streams from a service. Dropping it before its end closes the connection.
pub(crate) type UpstreamBody = ObservedBody<Incoming, Option<PoolReturn>>;

/// Returns a connection to the pool of idle connections.
pub(crate) struct PoolReturn {
    idle: Weak<IdlePool<Sender>>,
    key: PoolKey,
    sender: Sender,
}

impl BodyObserver for Option<PoolReturn> {
    fn observe(&mut self, event: BodyEvent) {
        match event {
            BodyEvent::Frame => {}
            BodyEvent::End => self.take().into_iter().for_each(PoolReturn::give_back),
            BodyEvent::Failed => *self = None,
        }
    }
}

impl PoolReturn {
    pub(super) fn new(idle: &Arc<IdlePool<Sender>>, key: PoolKey, sender: Sender) -> Self {
        Self {
            idle: Arc::downgrade(idle),
            key,
            sender,
        }
    }

    /// Returns the connection once it can take a request: an answer can end before the upload that it answers.
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
            idle.keep(&self.key, self.sender);
        }
    }
}
