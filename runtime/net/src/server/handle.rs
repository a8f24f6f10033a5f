//! The handle by which those who serve a connection learn that it must end.

use std::sync::Arc;

use super::{
    connections::ConnectionSlot,
    status::{CloseOrder, ConnectionStatus},
};

/// The connection of a request with a `Connection` header, as a request extension. A connection that switched to another protocol
/// must end when this says so.
#[derive(Clone)]
pub struct Connection(Arc<ConnectionStatus>);

impl Connection {
    /// The connection in this place.
    pub(super) fn of(slot: &ConnectionSlot) -> Self {
        Self(Arc::clone(slot.status()))
    }

    /// States that the connection will switch to a protocol whose end is this process's own affair: it is told to end as soon as the server
    /// is to stop, and the server waits for its end like for that of a request.
    pub fn ends_when_told(&self) {
        self.0.set_ends_when_told();
    }

    /// Ready when the connection must end. Only one task may wait for this: the connection itself, until it has
    /// switched.
    pub async fn told_to_end(&self) {
        while self.0.order() == CloseOrder::Stay {
            self.0.ordered().await;
        }
    }
}
