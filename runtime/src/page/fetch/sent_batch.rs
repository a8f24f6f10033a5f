//! A batch under way: what one call asks of other services, and the answers as they come.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use hydra_runtime_net::fragment_source::{Caller, FragmentSource};
use hydra_runtime_wire::{FragmentsRequest, ResolvedFragment, ResolvedFragments};
use serde_json::Value;

use crate::{
    limits::{MAX_PEER_REASON_CHARS, MAX_USELESS_PARTS},
    page::{
        answer::{Answer, FetchId},
        fetch::batch::Batch,
        report::reason::ReasonKind,
    },
};

/// The prefix of the ids of one batch, which no other batch of any process has. Without it, a service that answers twice, or
/// too late, could answer the next visitor.
struct BatchMark(String);

impl BatchMark {
    /// Marks the ids of a batch, which so far are plain numbers.
    fn put_on(batch: &mut FragmentsRequest) -> Self {
        static NEXT: LazyLock<AtomicU64> =
            LazyLock::new(|| AtomicU64::new(uuid::Uuid::new_v4().as_u64_pair().1));
        let mark = format!("{:x}-", NEXT.fetch_add(1, Relaxed));
        for item in batch.requests.0.iter_mut().flat_map(|(_, items)| items) {
            item.id.insert_str(0, &mark);
        }
        Self(mark)
    }

    fn read(&self, id: &str) -> Option<FetchId> {
        id.strip_prefix(&self.0).and_then(read_id)
    }
}

/// A batch that is under way.
pub(crate) struct SentBatch {
    mark: BatchMark,
    stream: BoxStream<'static, ResolvedFragments>,
    /// The fetches that have no answer yet.
    pub(crate) open: BTreeSet<FetchId>,
    /// The services that the batch went to. Sessions of others in the answer are ignored.
    pub(crate) services: BTreeSet<String>,
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
    /// Sends `batch` out on behalf of `caller`, with those of `sessions` that belong to the services asked.
    pub(crate) fn send(
        batch: Batch,
        source: &dyn FragmentSource,
        sessions: &BTreeMap<String, Value>,
        caller: &Caller,
    ) -> Self {
        let caller = Caller {
            budget: batch.budget,
            ..caller.clone()
        };
        let (open, services) = (batch.fetches.clone(), batch.services());
        let mut request = batch.into_request(sessions);
        let mark = BatchMark::put_on(&mut request);
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
            match self.mark.read(&fragment.id).filter(|id| self.open.remove(id)) {
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
}

/// Reads an id in the form in which this crate writes it: digits without leading zeros.
fn read_id(id: &str) -> Option<FetchId> {
    let plain = id.len() <= 10 && id.bytes().all(|byte| byte.is_ascii_digit());
    (plain && (id == "0" || !id.starts_with('0')))
        .then(|| id.parse().ok())
        .flatten()
}

fn answer(mut fragment: ResolvedFragment) -> Answer {
    let reason = fragment.reason.take();
    fragment.reason = reason.map(|reason| reason.chars().take(MAX_PEER_REASON_CHARS).collect());
    fragment.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hydra_runtime_wire::{FragmentRequest, OrderedMap};

    #[test]
    fn an_answer_to_one_batch_is_no_answer_to_another() {
        let batch = || {
            let item = |id: &str| FragmentRequest {
                id: id.to_owned(),
                ..FragmentRequest::default()
            };
            let requests = OrderedMap(vec![("s".to_owned(), vec![item("0"), item("1")])]);
            let mut batch = FragmentsRequest {
                requests,
                ..FragmentsRequest::default()
            };
            let mark = BatchMark::put_on(&mut batch);
            let ids: Vec<_> = batch.requests.0[0].1.iter().map(|item| item.id.clone()).collect();
            (mark, ids)
        };
        let ((alice, hers), (bob, his)) = (batch(), batch());
        let read = |mark: &BatchMark, ids: &[String]| ids.iter().map(|id| mark.read(id)).collect::<Vec<_>>();
        assert_eq!(read(&alice, &hers), [Some(0), Some(1)]);
        assert_eq!(read(&bob, &his), [Some(0), Some(1)]);
        assert_eq!(read(&bob, &hers), [None, None]);
        assert_eq!(bob.read("0"), None);
    }

    #[test]
    fn only_ids_as_we_wrote_them_are_read() {
        assert_eq!(read_id("0"), Some(0));
        assert_eq!(read_id("120"), Some(120));
        for id in ["", "00", "01", "+1", "-1", "1 ", "a", "٣", "99999999999", "1.0"] {
            assert_eq!(read_id(id), None, "{id:?}");
        }
    }
}
