//! What a state machine tells the application.

use std::time::Duration;

use bytes::Bytes;

use crate::frame::{Failure, Interaction, Payload};

/// What the application must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The peer requests something. The application calls [`Machine::handler_ended`](super::Machine::handler_ended) when it has done
    /// with it, whatever happened in between.
    Request {
        /// Names the request in other events and commands.
        id: u32,
        /// The kind of request, with the credit for answers.
        interaction: Interaction,
        /// The request; of a channel, the first payload.
        payload: Payload,
    },
    /// The peer sent metadata about the connection. It counts as a request until
    /// [`Machine::handler_ended`](super::Machine::handler_ended), too.
    MetadataPush(Bytes),
    /// A payload arrived.
    Item {
        /// Of this request.
        id: u32,
        /// Whole.
        payload: Payload,
    },
    /// No further payload will arrive.
    Completed(u32),
    /// The request ended with an error, in both directions.
    Failed(u32, StreamError),
    /// Payloads may be sent: there is new credit.
    Credit(u32),
    /// The peer wants nothing more of what this side sends. A request of the peer has ended by it; a channel of this side still
    /// receives.
    Cancelled(u32),
    /// The connection has ended, and with it every request.
    Closed(CloseReason),
}

/// Why one request ended with an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The peer sent ERROR.
    #[error("{0}")]
    Peer(Failure),
    /// A payload was longer than this side accepts.
    #[error("a payload is longer than the limit of {0} bytes")]
    TooLong(usize),
    /// The peer sent more payloads than it had credit for.
    #[error("the peer sent more payloads than were requested")]
    TooMany,
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// This side closed it.
    #[error("the connection was closed")]
    Closed,
    /// The peer closed it, and all requests had ended.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// The peer ended it with ERROR, or refused the SETUP.
    #[error("the peer ended the connection: {0}")]
    Peer(Failure),
    /// The transport ended.
    #[error("the connection was lost")]
    Lost,
    /// The transport failed.
    #[error("the connection failed: {0}")]
    Failed(String),
    /// Nothing arrived for the keepalive lifetime.
    #[error("nothing arrived for {} ms", .0.as_millis())]
    Silent(Duration),
    /// The peer read nothing for the keepalive lifetime.
    #[error("the peer read nothing for {} ms", .0.as_millis())]
    NotReading(Duration),
    /// This side ended it with ERROR, because of what the peer sent.
    #[error("the peer does not keep to the protocol: {0}")]
    Protocol(String),
}
