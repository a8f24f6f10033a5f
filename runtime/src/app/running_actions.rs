//! Actions that are under way. They go on when their visitors have left.

use std::sync::Arc;

use hydra_runtime_net::observe::{self, RequestRecord};
use tokio::{sync::watch, task::AbortHandle};

/// The actions of an application that are under way.
#[derive(Clone, Default)]
pub(crate) struct RunningActions(Arc<watch::Sender<usize>>);

/// The place of one of them, until it is dropped.
struct Place(Arc<watch::Sender<usize>>);

impl RunningActions {
    /// Runs an action in a task of its own, to its end: also if this future is dropped, since the visitor has left. So an action does
    /// all that it does, or nothing. Only a form that `refuse` says was not read yet is given up. `None`: the program is stopping.
    pub(super) async fn run<F>(
        &self,
        record: Option<Arc<RequestRecord>>,
        action: F,
        refuse: impl Fn() -> bool,
    ) -> Option<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let place = self.place();
        let work = async move {
            let _place = place;
            action.await
        };
        let task = match record {
            Some(record) => tokio::spawn(observe::scope(record, work)),
            None => tokio::spawn(work),
        };
        let mut unread = GivenUp {
            task: task.abort_handle(),
            refuse: Some(refuse),
        };
        let done = task.await.ok();
        unread.refuse = None;
        done
    }

    /// Waits until none is under way.
    pub(super) async fn ended(&self) {
        // The sender lives as long as this.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }

    fn place(&self) -> Place {
        self.0.send_modify(|count| *count += 1);
        Place(self.0.clone())
    }
}

/// Ends the task of a form that was not read when its visitor has left.
struct GivenUp<F: Fn() -> bool> {
    task: AbortHandle,
    /// `None`: the task has ended.
    refuse: Option<F>,
}

impl<F: Fn() -> bool> Drop for GivenUp<F> {
    fn drop(&mut self) {
        if self.refuse.as_ref().is_some_and(|refuse| refuse()) {
            self.task.abort();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn the_end_of_an_action_is_waited_for_also_after_its_visitor_has_left() {
        let running = RunningActions::default();
        assert!(running.ended().now_or_never().is_some());
        let (go, wait) = oneshot::channel::<()>();
        let mut action = Box::pin(running.run(None, wait, || false));
        assert!(action.as_mut().now_or_never().is_none());
        drop(action);
        assert!(running.ended().now_or_never().is_none());
        go.send(()).expect("the action waits");
        running.ended().await;
    }

    #[tokio::test]
    async fn a_form_that_was_not_read_is_given_up() {
        let running = RunningActions::default();
        let mut action = Box::pin(running.run(None, std::future::pending::<()>(), || true));
        assert!(action.as_mut().now_or_never().is_none());
        drop(action);
        running.ended().await;
    }
}
