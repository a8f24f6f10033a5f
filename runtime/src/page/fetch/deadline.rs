//! When a fetch ends without an answer, and what wakes the page then.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A request keeps identical requests waiting for the time that it has left, divided by this. If no answer comes in
/// that time, one of those takes its place. Within the time of one fetch, this many requests can take turns so, and
/// the last of them keeps none waiting.
const LEADERS: u32 = 4;

/// The time of one fetch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    /// From then on the fetch neither waits for an identical request nor keeps others waiting: there may not be time for
    /// what follows.
    half: Instant,
    /// The end: the slot shows its fallback.
    pub(crate) end: Instant,
}

impl Deadline {
    /// The deadline of a fetch that starts `now` and has `time`.
    pub(crate) fn new(now: Instant, time: Duration) -> Self {
        Self {
            half: now + time / 2,
            end: now + time,
        }
    }

    /// What is left of it.
    pub(crate) fn left(self, now: Instant) -> Duration {
        self.end.saturating_duration_since(now)
    }

    /// Until when identical requests wait for a request that is sent `now`. `None`: they don't.
    pub(crate) fn leads_until(self, now: Instant) -> Option<std::time::Instant> {
        (now < self.half).then(|| (now + self.left(now) / LEADERS).into_std())
    }
}

/// Wakes the task of a page.
#[derive(Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Whether `time` has come. If not, the task is woken then.
    pub(super) fn has_come(&mut self, time: Instant, cx: &mut Context<'_>) -> bool {
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(time)));
        if timer.deadline() != time {
            timer.as_mut().reset(time);
        }
        matches!(timer.as_mut().poll(cx), Poll::Ready(()))
    }
}
