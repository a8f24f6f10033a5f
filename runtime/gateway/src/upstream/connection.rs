//! A connection of the proxy, which waits for its next request in between.

use super::{
    connect::Sender,
    direct::DirectConnection,
    idle::{IdleState, Reusable},
};

/// A connection to a service. It is direct until a request comes that only hyper can send, and hyper's from then on.
pub(super) enum Connection {
    Direct(DirectConnection),
    Hyper(Sender),
}

impl From<DirectConnection> for Connection {
    fn from(connection: DirectConnection) -> Self {
        Self::Direct(connection)
    }
}

impl Reusable for Connection {
    fn check(&mut self) -> IdleState {
        match self {
            Self::Direct(connection) => connection.check(),
            Self::Hyper(sender) => sender.check(),
        }
    }

    fn reset(self) {
        match self {
            Self::Direct(connection) => connection.reset(),
            Self::Hyper(sender) => sender.reset(),
        }
    }
}
