//! Decides when the beginning of a page leaves although some of its text is still to come.
//!
//! A page waits a moment for its fragments, so that it usually leaves in one write. Only time in which the thread had
//! nothing to do counts: while it works without a rest, answers wait for the thread and not for a service, and a
//! second write for each page would be more work for all of them.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use hydra_runtime_net::server::{rest, shared_timer::ShortWait};
use tokio::time::{Instant, Sleep, sleep_until};

/// A page whose thread has no rest waits this many times as long as others, at most.
const MOST_WITHOUT_REST: u32 = 8;
/// The step of the runtime's timers. A timer rings at the first step after its time, and is up to one step late.
const TIMER_STEP: Duration = Duration::from_millis(1);
/// The thread is woken at each step while a page shares its timer.
const LONGEST_SHARED_WAIT: Duration = Duration::from_millis(16);
/// A time that is over at the next step of the timers.
const NEXT_STEP: Duration = Duration::from_micros(1);

/// Waits until the beginning of one page is to leave.
pub(super) struct FirstFlush {
    start: Instant,
    /// How long a page waits whose thread has nothing else to do.
    after: Duration,
    /// How long the thread had rested when the wait began. `None`: this is not known, and all its time counts.
    rested: Option<Duration>,
    /// Counted from `start`.
    next_look: Duration,
    timer: Option<FlushTimer>,
}

/// What wakes a page for its next look.
enum FlushTimer {
    /// A timer that it shares with others of its thread.
    Shared {
        /// Dropping it ends the wait.
        _wait: ShortWait,
    },
    /// Its own, in threads that others may take tasks from, and for a long time.
    Own(Pin<Box<Sleep>>),
}

impl FirstFlush {
    /// For a page that was requested at `start`.
    pub(super) fn new(start: Instant, after: Duration) -> Self {
        Self {
            start,
            after,
            rested: None,
            next_look: after,
            timer: None,
        }
    }

    /// Ready once the beginning is to leave. The task is woken then.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.timer.is_none() {
            self.rested = rest::total();
        }
        loop {
            let waited = Instant::now().saturating_duration_since(self.start);
            if waited >= self.next_look {
                let rest = self.rested.and_then(|before| rest::total()?.checked_sub(before));
                match next_look(self.after, waited, rest.unwrap_or(waited)) {
                    None => return Poll::Ready(()),
                    Some(next) => self.next_look = next,
                }
            }
            ready!(self.wait(waited, cx));
        }
    }

    /// Ready if it is time for another look already. If not, the task is woken then.
    fn wait(&mut self, waited: Duration, cx: &mut Context<'_>) -> Poll<()> {
        if self.rested.is_some() && self.next_look <= LONGEST_SHARED_WAIT {
            let _wait = ShortWait::until(self.start + self.next_look, cx.waker());
            self.timer = Some(FlushTimer::Shared { _wait });
            return Poll::Pending;
        }
        let until = self.next_look.saturating_sub(TIMER_STEP).max(waited) + NEXT_STEP;
        let until = self.start + until;
        let mut timer = match self.timer.take() {
            Some(FlushTimer::Own(timer)) => timer,
            _ => Box::pin(sleep_until(until)),
        };
        if timer.is_elapsed() {
            timer.as_mut().reset(until);
        }
        let came = timer.as_mut().poll(cx);
        self.timer = Some(FlushTimer::Own(timer));
        came
    }
}

/// When to look again whether a page is to leave that has `waited` so long, in which its thread had nothing to do for
/// the time `rest`; counted from the start of the page. `None`: it leaves now.
fn next_look(after: Duration, waited: Duration, rest: Duration) -> Option<Duration> {
    let most = after * MOST_WITHOUT_REST;
    if waited < after {
        Some(after)
    } else if rest >= after / 2 || waited >= most {
        None
    } else {
        Some((waited * 2).min(most))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[test]
    fn only_rest_of_the_thread_counts_but_no_page_waits_for_long() {
        let ms = Duration::from_millis;
        let us = Duration::from_micros;
        for (waited, rest, expected) in [
            (ms(0), ms(0), Some(ms(1))),
            (us(999), us(999), Some(ms(1))),
            (ms(1), ms(1), None),
            (us(1_300), us(500), None),
            (ms(1), us(499), Some(ms(2))),
            (us(1_500), ms(0), Some(ms(3))),
            (ms(3), us(600), None),
            (ms(5), ms(0), Some(ms(8))),
            (ms(8), ms(0), None),
            (ms(300), ms(0), None),
        ] {
            assert_eq!(next_look(ms(1), waited, rest), expected, "{waited:?} {rest:?}");
        }
        assert_eq!(
            next_look(Duration::ZERO, Duration::ZERO, Duration::ZERO),
            None,
            "it leaves at once"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_waits_for_its_time_and_not_for_a_step_of_the_timers_more() {
        for after in [0, 1, 2, 60_000] {
            for before in [0, 1, 300, 999] {
                tokio::time::sleep(Duration::from_micros(before)).await;
                let (start, after) = (Instant::now(), Duration::from_millis(after));
                let mut flush = FirstFlush::new(start, after);
                poll_fn(|cx| flush.poll(cx)).await;
                let waited = start.elapsed();
                assert!(
                    (after..=after + TIMER_STEP).contains(&waited),
                    "{after:?}: {waited:?}"
                );
            }
        }
    }
}
