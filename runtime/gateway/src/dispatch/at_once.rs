//! The calls of a small batch, polled together.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{Stream, future::BoxFuture};
use hydra_runtime_wire::ResolvedFragments;

use crate::upstream::Pipelines;

/// Polls all of its calls whenever its task is woken. For a few calls this costs less than a queue that knows which of
/// them were woken; for many it would cost more.
pub(super) struct AtOnce {
    calls: Vec<BoxFuture<'static, ResolvedFragments>>,
    /// Answers of calls that ended in the same turn.
    ready: VecDeque<ResolvedFragments>,
    /// The connections that calls share.
    pipelines: Pipelines,
}

impl AtOnce {
    pub(super) fn new(calls: Vec<BoxFuture<'static, ResolvedFragments>>, pipelines: Pipelines) -> Self {
        Self {
            ready: VecDeque::with_capacity(calls.len()),
            calls,
            pipelines,
        }
    }

    fn poll_all(&mut self, cx: &mut Context<'_>) {
        self.calls.retain_mut(|call| match call.as_mut().poll(cx) {
            Poll::Ready(answer) => {
                self.ready.push_back(answer);
                false
            }
            Poll::Pending => true,
        });
    }
}

impl Stream for AtOnce {
    type Item = ResolvedFragments;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ResolvedFragments>> {
        let this = self.get_mut();
        if this.ready.is_empty() {
            this.poll_all(cx);
            // Calls that share a connection join in one turn, and send their requests in the next.
            while this.pipelines.send() {
                this.poll_all(cx);
            }
        }
        match this.ready.pop_front() {
            None if !this.calls.is_empty() => Poll::Pending,
            next => Poll::Ready(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt, future};
    use hydra_runtime_wire::ResolvedFragment;
    use tokio::sync::oneshot;

    use super::*;

    fn answer(id: &str) -> ResolvedFragments {
        ResolvedFragments {
            fragments: vec![ResolvedFragment {
                id: id.to_owned(),
                ..ResolvedFragment::default()
            }],
            ..ResolvedFragments::default()
        }
    }

    fn id(answers: Option<ResolvedFragments>) -> Option<String> {
        answers.map(|answers| answers.fragments[0].id.clone())
    }

    #[tokio::test]
    async fn each_answer_comes_as_soon_as_it_is_there_and_once() {
        let (second, waits) = oneshot::channel();
        let calls = vec![
            waits.map(|answer| answer.expect("an answer")).boxed(),
            future::ready(answer("a")).boxed(),
            future::ready(answer("b")).boxed(),
        ];
        let mut calls = AtOnce::new(calls, Pipelines::default());
        assert_eq!(id(calls.next().await).as_deref(), Some("a"));
        assert_eq!(id(calls.next().await).as_deref(), Some("b"));
        assert!(calls.next().now_or_never().is_none(), "one is open");
        second.send(answer("c")).expect("a receiver");
        assert_eq!(id(calls.next().await).as_deref(), Some("c"));
        assert_eq!(calls.next().await, None);
        assert_eq!(calls.next().await, None);
    }

    #[tokio::test]
    async fn no_calls_give_no_answers() {
        assert_eq!(AtOnce::new(Vec::new(), Pipelines::default()).next().await, None);
    }
}
