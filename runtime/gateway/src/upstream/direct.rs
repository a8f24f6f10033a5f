//! A small HTTP/1.1 client for requests that are short and there as a whole: almost all. Their answers stream.
//!
//! It is kept beside hyper's client because it is cheaper: it works in the task of its visitor's connection, where hyper's needs a
//! task of its own for each connection and two hops between the tasks for each request; and it knows from a short read that a
//! connection is open and empty, where a system call asks after each answer of hyper's. Requests that switch to another protocol, wait
//! for `100 Continue`, or arrive in pieces go over hyper.
//!
//! `answer` is the pure inside; `exchange` and `body` move the bytes.

mod answer;
mod body;
mod exchange;
mod request;

use http::Response;

use super::{
    SendError, framing,
    idle::{IdleState, Reusable, WayBack},
    stream::Stream,
};
use crate::limits::FIRST_READ_BYTES;
pub(super) use body::DirectBody;
use exchange::{Answered, Failed, exchange};
pub(super) use request::{RequestBytes, whole_body};

/// A connection that no task of its own reads.
pub(super) struct DirectConnection {
    stream: Stream,
    /// How much is read at first: the next answer is probably as long as the last one.
    read_size: usize,
}

impl DirectConnection {
    pub(super) fn new(stream: Stream) -> Self {
        let read_size = FIRST_READ_BYTES;
        Self { stream, read_size }
    }

    pub(super) fn into_stream(self) -> Stream {
        self.stream
    }
}

impl Reusable for DirectConnection {
    fn check(&mut self) -> IdleState {
        self.stream.check()
    }

    fn reset(self) {
        self.stream.reset();
    }
}

/// What a request over a direct connection failed with.
pub(super) enum DirectError {
    /// Nothing of the request was sent: the connection had ended.
    NotSent(std::io::Error),
    Other(SendError),
}

/// Sends the bytes of a request, and waits for the head of the answer. Its connection goes back when the body was read to its
/// end.
pub(super) async fn send<C>(
    connection: DirectConnection,
    request: &RequestBytes,
    way_back: WayBack<C>,
) -> Result<Response<DirectBody<C>>, DirectError>
where
    C: Reusable + From<DirectConnection>,
{
    let exchanged = exchange(connection, &request.bytes, request.is_head).await;
    let Answered {
        head,
        source,
        arrived,
    } = exchanged.map_err(DirectError::from)?;
    let mut response = head.response;
    framing::normalize(&mut response).map_err(|reason| DirectError::Other(SendError::BadAnswer(reason)))?;
    let way_back = head.stays.then_some(way_back);
    let body = DirectBody::new(head.left, arrived, source, way_back);
    Ok(response.map(|()| body))
}

impl From<Failed> for DirectError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::NotSent(error) => Self::NotSent(error),
            Failed::Lost(error) => Self::Other(SendError::Lost(error.into())),
            Failed::BadAnswer(reason) => Self::Other(SendError::BadAnswer(reason)),
        }
    }
}
