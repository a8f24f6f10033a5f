//! The body of a page: slices of what was rendered, in document order, as they become ready.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hydra_runtime_net::observe;

use crate::page::{fetch::driver::Driver, respond::visitor::SessionSink};

/// A page whose text is not complete, and the receiver of its sessions.
pub(crate) struct OpenPage {
    pub(crate) driver: Driver,
    pub(crate) on_sessions: Option<SessionSink>,
}

impl Drop for OpenPage {
    fn drop(&mut self) {
        let changed = std::mem::take(&mut self.driver.sessions.changed);
        if let (Some(sink), false) = (self.on_sessions.take(), changed.is_empty()) {
            sink(changed);
        }
    }
}

/// The body of a page. Dropping it ends all work for the page.
pub(crate) enum PageBody {
    /// The rest of the text is ready.
    Complete(VecDeque<Bytes>),
    /// Some of the text is still to come.
    Open(Box<OpenPage>),
    /// The answer to `HEAD`: no text, of unknown length.
    Head,
}

impl Body for PageBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut *self {
            PageBody::Head => None,
            PageBody::Complete(pieces) => pieces.pop_front(),
            PageBody::Open(page) => {
                let driver = &mut page.driver;
                if driver.ready.is_empty() {
                    let record = driver.caller.record.clone();
                    observe::scoped(record.as_ref(), || driver.advance(cx));
                }
                match driver.ready.pop_front() {
                    None if !driver.is_done() => return Poll::Pending,
                    next => next,
                }
            }
        };
        // Work for a page that is complete ends now, and not when the visitor has read the page.
        if let PageBody::Open(page) = &mut *self
            && page.driver.is_done()
        {
            let rest = std::mem::take(&mut page.driver.ready);
            *self = PageBody::Complete(rest);
        }
        Poll::Ready(next.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, PageBody::Complete(pieces) if pieces.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            PageBody::Complete(pieces) => {
                SizeHint::with_exact(pieces.iter().map(|piece| piece.len() as u64).sum())
            }
            PageBody::Open(_) | PageBody::Head => SizeHint::default(),
        }
    }
}
