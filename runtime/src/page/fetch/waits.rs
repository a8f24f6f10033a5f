//! The waits of a page for identical requests of other pages.

use std::task::{Context, Poll};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};

use crate::page::{
    answer::FetchId,
    cache::in_flight::{InFlight, SharedResult},
};

/// How a wait of a fetch ended, and the request that it waited for.
type WaitEnd = (FetchId, SharedResult, Option<InFlight>);

/// The waits of one page. `None` as long as it has none.
#[derive(Default)]
pub(super) struct Waits(Option<FuturesUnordered<BoxFuture<'static, WaitEnd>>>);

impl Waits {
    /// The fetch `id` waits for `in_flight`.
    pub(super) fn add(&mut self, id: FetchId, mut in_flight: InFlight) {
        self.push(async move {
            let result = in_flight.wait().await;
            (id, result, Some(in_flight))
        });
    }

    fn push(&mut self, wait: impl Future<Output = WaitEnd> + Send + 'static) {
        self.0.get_or_insert_default().push(Box::pin(wait));
    }

    /// The next wait that is over. A fetch whose wait took too long sends its own request, and still gets the answer of the
    /// other request if that comes first: where the owner is slow, a request that starts late may come too late.
    pub(super) fn next(&mut self, cx: &mut Context<'_>) -> Option<(FetchId, SharedResult)> {
        let Poll::Ready(Some((id, result, in_flight))) = self.0.as_mut()?.poll_next_unpin(cx) else {
            return None;
        };
        if let (SharedResult::TooLong, Some(in_flight)) = (&result, in_flight) {
            self.push(async move { (id, SharedResult::Answer(in_flight.answer().await), None) });
        }
        Some((id, result))
    }
}
