//! Why requests fail.

use crate::{
    frame::Failure,
    machine::{CloseReason, Refused, StreamError},
};

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The peer answered with ERROR.
    #[error("{0}")]
    Peer(Failure),
    /// The connection ended before the answer came, or before the request was sent.
    #[error("{0}")]
    Closed(CloseReason),
    /// The request was not sent.
    #[error("{0}")]
    Refused(Refused),
    /// An answer was longer than the limit of this side, which is given in bytes.
    #[error("an answer is longer than {0} bytes")]
    TooLong(usize),
    /// The peer sent more payloads than it had credit for.
    #[error("the peer sent more payloads than were requested")]
    TooMany,
    /// The stream of payloads for a channel failed, and the peer was told.
    #[error("the channel's own payloads failed: {0}")]
    Own(Failure),
}

impl From<StreamError> for RequestError {
    fn from(error: StreamError) -> RequestError {
        match error {
            StreamError::Peer(failure) => RequestError::Peer(failure),
            StreamError::TooLong(limit) => RequestError::TooLong(limit),
            StreamError::TooMany => RequestError::TooMany,
        }
    }
}

impl From<Refused> for RequestError {
    fn from(refused: Refused) -> RequestError {
        match refused {
            Refused::Closed(reason) => RequestError::Closed(reason),
            other => RequestError::Refused(other),
        }
    }
}
