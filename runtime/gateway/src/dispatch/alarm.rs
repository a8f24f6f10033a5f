//! Ends calls in time, with one timer for all calls of a batch that are polled together.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

/// The time of a call is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLate;

/// Wakes calls whose time is over. Clones share one timer.
#[derive(Clone, Debug, Default)]
pub(super) struct Alarm(Option<Arc<SharedTimer>>);

/// The lock is held for one step, never across an await.
#[derive(Debug, Default)]
struct SharedTimer(Mutex<Option<Pin<Box<Sleep>>>>);

impl Alarm {
    /// An alarm for calls that are all polled whenever one of them is: the timer wakes only the one that was polled
    /// last. The default alarm has a timer for each call.
    pub(super) fn shared() -> Self {
        Self(Some(Arc::default()))
    }

    /// Does `work` until `until`.
    pub(super) async fn within<F>(&self, until: Instant, mut work: Pin<&mut F>) -> Result<F::Output, TooLate>
    where
        F: Future,
    {
        let Some(timer) = &self.0 else {
            // Boxed: the other calls must not have room for a timer.
            return Box::pin(timeout_at(until, work)).await.map_err(|_| TooLate);
        };
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => timer.poll(until, cx).map(|()| Err(TooLate)),
        })
        .await
    }
}

impl SharedTimer {
    /// Ready once `until` has come. Until then, the task is woken at `until` at the latest.
    fn poll(&self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let mut timer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if until < timer.deadline() {
            // The timer of the others stays as it is.
            if until <= Instant::now() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(until);
        }
        while timer.as_mut().poll(cx).is_ready() {
            // It may have been set for another call.
            if until <= timer.deadline() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(until);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, pin::pin, time::Duration};

    use futures_util::future::join_all;

    use super::*;

    /// How long calls took whose times end after so many milliseconds.
    async fn took(alarm: &Alarm, ends: &[u64]) -> Vec<u128> {
        let start = Instant::now();
        let call = |end: &u64| {
            let until = start + Duration::from_millis(*end);
            async move {
                let late = alarm.within(until, pin!(pending::<()>())).await;
                assert_eq!(late, Err(TooLate));
                start.elapsed().as_millis()
            }
        };
        join_all(ends.iter().map(call)).await
    }

    #[tokio::test(start_paused = true)]
    async fn each_call_ends_at_its_time() {
        for ends in [
            &[5][..],
            &[0],
            &[7, 7, 7],
            &[30, 20, 10],
            &[10, 30, 20],
            &[10, 0, 10, 60_000],
        ] {
            let expected: Vec<_> = ends.iter().map(|end| u128::from(*end)).collect();
            assert_eq!(took(&Alarm::shared(), ends).await, expected);
            assert_eq!(took(&Alarm::default(), ends).await, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_is_done_is_never_late() {
        let now = Instant::now();
        for alarm in [Alarm::shared(), Alarm::default()] {
            let done = alarm.within(now, pin!(async { 7 })).await;
            assert_eq!(done, Ok(7));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
