//! Payloads that the peer sends for one request.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::Stream;

use super::{error::RequestError, shared::Shared};
use crate::frame::Payload;

/// How many payloads the peer may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credit {
    /// At most so many ahead of those that were taken: when half of them have been, credit for as many follows.
    Window(u32),
    /// So many, and further ones only by [`Items::request`].
    Exactly(u32),
}

impl Credit {
    pub(super) fn initial(self) -> u32 {
        let (Credit::Window(credit) | Credit::Exactly(credit)) = self;
        credit.max(1)
    }
}

/// Payloads that the peer sends for one request, as a [`Stream`]. An error is the last item. Dropping it cancels the
/// request; for a channel of the peer, it says that no further payloads are wanted.
pub struct Items {
    shared: Arc<Shared>,
    id: u32,
    credit: Credit,
    /// Since the last credit.
    taken: u32,
    /// A channel's first payload comes with the request.
    first: Option<Payload>,
    has_ended: bool,
}

impl std::fmt::Debug for Items {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Items")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Items {
    pub(super) fn new(shared: Arc<Shared>, id: u32, credit: Credit, first: Option<Payload>) -> Items {
        Items {
            shared,
            id,
            credit,
            taken: 0,
            first,
            has_ended: false,
        }
    }

    /// Gives the peer credit for further payloads.
    pub fn request(&self, credit: u32) {
        let mut state = self.shared.lock();
        state.machine.grant(self.id, credit);
        state.wake_driver();
    }

    /// Drops what may still arrive: after the answer of request/response only its end does.
    pub(super) fn forget(mut self) {
        if !self.has_ended {
            self.has_ended = true;
            self.shared.lock().remove_inbox(self.id);
        }
    }

    fn refill(&mut self) {
        let Credit::Window(window) = self.credit else {
            return;
        };
        self.taken += 1;
        if self.taken >= window.div_ceil(2) {
            let credit = std::mem::take(&mut self.taken);
            self.request(credit);
        }
    }
}

impl Stream for Items {
    type Item = Result<Payload, RequestError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if self.has_ended {
            return Poll::Ready(None);
        }
        let taken = self.shared.lock().take(self.id, cx.waker());
        match &taken {
            Poll::Ready(Some(Ok(_))) => self.refill(),
            Poll::Ready(Some(Err(_)) | None) => self.has_ended = true,
            Poll::Pending => {}
        }
        taken
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let mut state = self.shared.lock();
        state.remove_inbox(self.id);
        let is_own = state.machine.is_own(self.id);
        state.machine.cancel(self.id);
        // The task that sends a channel's payloads. The handler of a channel of the peer goes on.
        let sender = if is_own { state.remove_task(self.id) } else { None };
        state.wake_driver();
        drop(state);
        if let Some(sender) = sender {
            sender.abort();
        }
    }
}
