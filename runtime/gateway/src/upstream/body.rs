//! The body of an answer. When it was read to its end, its connection returns to the pool.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{connect::Sender, connection::Connection, direct::DirectBody, http2::Http2Body, idle::WayBack};
use crate::{
    edge::observed_body::{BodyEvent, BodyObserver, ObservedBody},
    limits::IDLE_TIMEOUT,
};

/// A body that streams from a service. Dropping it before its end closes the connection, or
/// resets the stream.
pub(crate) struct UpstreamBody(Kind);

enum Kind {
    Direct(DirectBody<Connection>),
    Hyper(ObservedBody<Incoming, Option<PoolReturn>>),
    Http2(Http2Body),
}

impl UpstreamBody {
    /// A body that comes over a direct connection.
    pub(super) fn direct(body: DirectBody<Connection>) -> Self {
        Self(Kind::Direct(body))
    }

    /// A body that hyper reads.
    pub(super) fn hyper(body: Incoming, returns: Option<PoolReturn>) -> Self {
        Self(Kind::Hyper(ObservedBody::new(body, returns)))
    }

    /// A body that comes over a stream of HTTP/2.
    pub(super) fn http2(body: Http2Body) -> Self {
        Self(Kind::Http2(body))
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.get_mut().0 {
            Kind::Direct(body) => Pin::new(body).poll_frame(cx),
            Kind::Hyper(body) => Pin::new(body).poll_frame(cx).map_err(BoxError::from),
            Kind::Http2(body) => Pin::new(body).poll_frame(cx).map_err(BoxError::from),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Direct(body) => body.is_end_stream(),
            Kind::Hyper(body) => body.is_end_stream(),
            Kind::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Direct(body) => body.size_hint(),
            Kind::Hyper(body) => body.size_hint(),
            Kind::Http2(body) => body.size_hint(),
        }
    }
}

/// Returns a connection of hyper's to the pool of idle connections.
pub(super) struct PoolReturn {
    sender: Sender,
    way_back: WayBack<Connection>,
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
    pub(super) fn new(sender: Sender, way_back: WayBack<Connection>) -> Self {
        Self { sender, way_back }
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
        self.way_back.keep(Connection::Hyper(self.sender), None);
    }
}
