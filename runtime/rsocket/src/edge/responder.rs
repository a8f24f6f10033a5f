//! What answers the peer's requests.

use std::future::{self, Future};

use bytes::Bytes;
use futures_util::{Stream, stream};

use super::Items;
use crate::frame::{Failure, Payload};

/// Answers the peer's requests. What is not implemented is rejected.
///
/// Each request is handled in a task of its own, which is aborted if the peer cancels it or the connection ends; only fire-and-forget
/// requests and metadata run on. A handler that panics fails its request with APPLICATION_ERROR.
pub trait Responder: Send + Sync + 'static {
    /// A request with one answer.
    fn request_response(&self, request: Payload) -> impl Future<Output = Result<Payload, Failure>> + Send {
        drop(request);
        future::ready(Err(unsupported()))
    }

    /// A request without answer.
    fn fire_and_forget(&self, request: Payload) -> impl Future<Output = ()> + Send {
        drop(request);
        future::ready(())
    }

    /// A request with many answers. They are taken from the stream as the peer gives credit. An error ends the stream.
    fn request_stream(&self, request: Payload) -> impl Stream<Item = Result<Payload, Failure>> + Send {
        drop(request);
        stream::once(future::ready(Err(unsupported())))
    }

    /// Many payloads in both directions. The peer's payloads begin with that of the request. Dropping them says that no more
    /// are wanted.
    fn request_channel(&self, payloads: Items) -> impl Stream<Item = Result<Payload, Failure>> + Send {
        drop(payloads);
        stream::once(future::ready(Err(unsupported())))
    }

    /// Metadata about the connection.
    fn metadata_push(&self, metadata: Bytes) -> impl Future<Output = ()> + Send {
        drop(metadata);
        future::ready(())
    }

    /// Whether one item of a stream is taken before the peer has given credit for it. So the end of a stream is noticed without further
    /// credit. Without it, an item is taken only when it can be sent at once, so that it is as new as possible.
    fn takes_items_ahead(&self) -> bool {
        true
    }
}

fn unsupported() -> Failure {
    Failure::rejected("requests of this kind are not answered here")
}

/// Rejects all requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoResponder;

impl Responder for NoResponder {}
