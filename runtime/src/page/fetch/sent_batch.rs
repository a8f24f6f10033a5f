//! A batch under way: what one call asks of other services, and the answers as they come.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll},
};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use hydra_runtime_net::fragment_source::{Caller, FragmentSource};
use hydra_runtime_wire::{ResolvedFragment, ResolvedFragments};
use serde_json::Value;

use crate::{
    limits::{MAX_PEER_REASON_CHARS, MAX_USELESS_PARTS},
    page::{
        answer::{Answer, FetchId},
        fetch::{batch::Batch, batch_mark::BatchMark},
        report::reason::ReasonKind,
    },
};

/// A batch that is under way.
pub(crate) struct SentBatch {
    mark: BatchMark,
    stream: BoxStream<'static, ResolvedFragments>,
    /// The fetches that have no answer yet.
    pub(crate) open: Vec<FetchId>,
    /// The services that the batch went to. Sessions of others in the answer are ignored.
    pub(crate) services: Vec<String>,
    useless: u32,
}

/// What happened to a batch.
pub(crate) enum BatchEvent {
    /// Answers to fetches of this batch, and the part of the response that they came in.
    Part(Vec<(FetchId, Answer)>, ResolvedFragments),
    /// No more answers come. The fetches that have none failed for this reason.
    End(ReasonKind),
}

impl SentBatch {
    /// Sends `batch` out on behalf of `caller`, with the budget of the batch and with those of `sessions` that belong to the services asked.
    pub(crate) fn send(
        batch: Batch,
        source: &dyn FragmentSource,
        sessions: &BTreeMap<String, Value>,
        caller: Caller,
    ) -> Self {
        let caller = Caller {
            budget: batch.budget,
            ..caller
        };
        let (mark, open, services) = (batch.mark, batch.fetches.clone(), batch.services());
        let request = batch.into_request(sessions);
        // A source that panics counts as one that answers nothing.
        let stream = catch_unwind(AssertUnwindSafe(|| source.resolve(request, caller)))
            .unwrap_or_else(|_| stream::empty().boxed());
        Self {
            mark,
            stream,
            open,
            services,
            useless: 0,
        }
    }

    /// The next thing that happens. After an `End` the batch must not be polled again.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<BatchEvent> {
        let polled = catch_unwind(AssertUnwindSafe(|| self.stream.poll_next_unpin(cx)));
        let Ok(polled) = polled else {
            return Poll::Ready(BatchEvent::End(ReasonKind::Panicked));
        };
        let mut part = match polled {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => return Poll::Ready(BatchEvent::End(ReasonKind::Lacking)),
            Poll::Ready(Some(part)) => part,
        };
        let mut answers = Vec::with_capacity(part.fragments.len().min(self.open.len()));
        for fragment in part.fragments.drain(..) {
            match self.mark.read(&fragment.id).filter(|id| self.close(*id)) {
                Some(id) => answers.push((id, answer(fragment))),
                None => metrics::counter!("hydra_answers_ignored_total").increment(1),
            }
        }
        self.useless += u32::from(answers.is_empty());
        if self.useless > MAX_USELESS_PARTS {
            return Poll::Ready(BatchEvent::End(ReasonKind::Unasked));
        }
        Poll::Ready(BatchEvent::Part(answers, part))
    }

    /// Notes that a fetch has its answer. Returns whether it had none before.
    fn close(&mut self, id: FetchId) -> bool {
        let at = self.open.iter().position(|open| *open == id);
        at.map(|at| self.open.swap_remove(at)).is_some()
    }
}

fn answer(mut fragment: ResolvedFragment) -> Answer {
    let reason = fragment.reason.take();
    fragment.reason = reason.map(|reason| reason.chars().take(MAX_PEER_REASON_CHARS).collect());
    fragment.into()
}
