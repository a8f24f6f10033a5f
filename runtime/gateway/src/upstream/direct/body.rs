//! The body of an answer, which is read when it is asked for.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::BoxError;
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

use super::{
    DirectConnection,
    answer::{Piece, Remaining},
    exchange::Source,
};
use crate::upstream::idle::{Reusable, WayBack};

/// A body that streams from a service over a direct connection.
pub(in crate::upstream) struct DirectBody<C> {
    left: Remaining,
    /// What arrived and was not passed on yet.
    arrived: BytesMut,
    /// `None`: the body has ended or failed.
    source: Option<Source>,
    /// `None`: the connection takes no other request.
    way_back: Option<WayBack<C>>,
}

impl<C: Reusable + From<DirectConnection>> DirectBody<C> {
    /// A body of which some bytes may have arrived. One without bytes has ended at once.
    pub(super) fn new(
        left: Remaining,
        arrived: BytesMut,
        source: Source,
        way_back: Option<WayBack<C>>,
    ) -> Self {
        let mut body = Self {
            left,
            arrived,
            source: Some(source),
            way_back,
        };
        if body.left.is_nothing() {
            body.end();
        }
        body
    }

    /// The body is complete: its connection may take another request.
    fn end(&mut self) {
        let (source, way_back) = (self.source.take(), self.way_back.take());
        let (Some(source), Some(way_back)) = (source, way_back) else {
            return;
        };
        if !self.arrived.is_empty() {
            return way_back.found_surplus();
        }
        let state = source
            .was_short
            .then(|| source.stream().state_after_short_read())
            .flatten();
        way_back.keep(source.into_connection().into(), state);
    }

    fn fail(&mut self, error: impl Into<BoxError>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        // Nothing follows an error.
        (self.left, self.source) = (Remaining::Bytes(0), None);
        Poll::Ready(Some(Err(error.into())))
    }
}

impl<C: Reusable + From<DirectConnection>> Body for DirectBody<C> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let body = &mut *self;
        loop {
            match body.left.take(&mut body.arrived) {
                Ok(Piece::Data(data)) => {
                    if body.left.is_nothing() {
                        body.end();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Ok(Piece::Trailers(trailers)) => {
                    body.end();
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                Ok(Piece::End) => {
                    body.end();
                    return Poll::Ready(None);
                }
                Ok(Piece::Missing) => {}
                Err(bad) => return body.fail(bad),
            }
            let Some(source) = &mut body.source else {
                return Poll::Ready(None);
            };
            match ready!(source.poll_read(&mut body.arrived, cx)) {
                Ok(0) if body.left == Remaining::UntilClose => {
                    (body.left, body.source) = (Remaining::Bytes(0), None);
                    return Poll::Ready(None);
                }
                Ok(0) => return body.fail(io::Error::from(io::ErrorKind::UnexpectedEof)),
                Ok(_) => {}
                Err(error) => return body.fail(error),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_nothing()
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            Remaining::Bytes(left) => SizeHint::with_exact(left),
            _ => SizeHint::default(),
        }
    }
}
