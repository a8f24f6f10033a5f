//! Response bodies that report their progress to the status of their connection.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes};
use http_body::{Body as _, Frame, SizeHint};

use super::connections::RequestGuard;

/// The body of a response. Its request is under way until the body is dropped.
pub(super) struct TrackedBody {
    body: Body,
    request: RequestGuard,
    /// Whether a piece of the body is on its way to the peer, and no further one was requested.
    is_handed: bool,
    /// Whether the connection is between two requests once the body has ended.
    leaves_nothing: bool,
    has_ended: bool,
}

impl TrackedBody {
    /// `leaves_nothing`: all of the request was read, and neither side closes the connection after the answer.
    pub(super) fn new(body: Body, request: RequestGuard, leaves_nothing: bool) -> Self {
        Self {
            has_ended: body.is_end_stream(),
            body,
            request,
            is_handed: false,
            leaves_nothing,
        }
    }
}

impl http_body::Body for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.is_handed {
            self.is_handed = false;
            let slot = self.request.slot();
            slot.status().asked(slot.connections().now());
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if matches!(frame, Some(Ok(_))) && !self.body.is_end_stream() {
            self.is_handed = true;
            self.request.slot().status().handed();
        }
        self.has_ended = frame.is_none() || self.body.is_end_stream();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        if self.is_handed {
            self.request.slot().status().gave_up();
        }
        if self.leaves_nothing && self.has_ended {
            self.request.slot().status().allow_sleep();
        }
    }
}
