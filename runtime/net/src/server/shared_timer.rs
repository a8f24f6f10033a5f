//! One timer for many short waits of a thread. A timer of the runtime costs more than such a wait: its thread is woken to
//! hear of it, even if the wait ends before its time, as most do.
#![deny(clippy::disallowed_methods)]

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// A time that is over at the next step of the runtime's timers, which have one for each millisecond.
const NEXT_STEP: Duration = Duration::from_micros(1);

thread_local! {
    static WAITS: Arc<Waits> = Arc::default();
}

/// A task that waits for a time. Dropping this ends the wait.
pub struct ShortWait {
    waits: Arc<Waits>,
    place: usize,
}

/// The waits of one thread. The lock is held for one step, never across an await.
#[derive(Debug, Default)]
struct Waits(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    /// `None`: the place is free.
    waits: Vec<Option<(Instant, Waker)>>,
    free: Vec<usize>,
    /// Whether a task wakes those whose time has come.
    is_ticking: bool,
}

impl ShortWait {
    /// Wakes the task of `waker` at the first step of the timers from `at` on. Call it inside of a runtime of one thread,
    /// which is woken at each step until then.
    #[must_use]
    pub fn until(at: Instant, waker: &Waker) -> Self {
        let waits = WAITS.with(Arc::clone);
        let mut places = waits.lock();
        let place = places.add((at, waker.clone()));
        let must_start = !std::mem::replace(&mut places.is_ticking, true);
        drop(places);
        if must_start {
            start(Ticking(Arc::clone(&waits)));
        }
        Self { waits, place }
    }
}

impl Drop for ShortWait {
    fn drop(&mut self) {
        self.waits.lock().remove(self.place);
    }
}

impl Waits {
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn add(&mut self, wait: (Instant, Waker)) -> usize {
        match self.free.pop() {
            Some(place) => {
                self.waits[place] = Some(wait);
                place
            }
            None => {
                self.waits.push(Some(wait));
                self.waits.len() - 1
            }
        }
    }

    fn remove(&mut self, place: usize) {
        self.waits[place] = None;
        self.free.push(place);
    }

    /// Those to be woken at `now`. Their places are theirs until they end their waits.
    fn due(&mut self, now: Instant) -> Vec<Waker> {
        let due = |wait: &mut Option<(Instant, Waker)>| wait.take_if(|(at, _)| *at <= now);
        self.waits
            .iter_mut()
            .filter_map(due)
            .map(|(_, waker)| waker)
            .collect()
    }

    fn is_any_left(&self) -> bool {
        self.waits.iter().any(Option::is_some)
    }
}

/// The task that wakes the others. If it ends early, with its runtime, the next wait starts another.
struct Ticking(Arc<Waits>);

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.lock().is_ticking = false;
    }
}

#[allow(clippy::disallowed_methods, reason = "the edge of this module")]
fn start(ticking: Ticking) {
    tokio::spawn(async move {
        loop {
            sleep(NEXT_STEP).await;
            let mut places = ticking.0.lock();
            let due = places.due(Instant::now());
            let is_over = !places.is_any_left();
            // The lock is held from the look to this change, so that no wait begins in between.
            places.is_ticking = !is_over;
            drop(places);
            due.into_iter().for_each(Waker::wake);
            if is_over {
                return;
            }
        }
    });
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the clock of a test")]
mod tests {
    use std::{future::poll_fn, task::Poll};

    use futures_util::future::join_all;

    use super::*;

    async fn wait(at: Instant) -> Duration {
        let start = Instant::now();
        let mut wait = None;
        poll_fn(|cx| match Instant::now() >= at {
            true => Poll::Ready(()),
            false => {
                wait = Some(ShortWait::until(at, cx.waker()));
                Poll::Pending
            }
        })
        .await;
        start.elapsed()
    }

    fn is_idle() -> bool {
        WAITS.with(|waits| {
            let places = waits.lock();
            !places.is_ticking && places.free.len() == places.waits.len()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn each_task_is_woken_at_its_time_and_not_a_step_later() {
        for before in [0, 300, 999] {
            sleep(Duration::from_micros(before)).await;
            let start = Instant::now();
            let ends = [0, 1, 700, 1_000, 2_500, 2_500, 8_000].map(Duration::from_micros);
            let took = join_all(ends.map(|end| wait(start + end))).await;
            for (end, took) in ends.into_iter().zip(took) {
                let most = end + Duration::from_millis(1);
                assert!((end..=most).contains(&took), "{end:?}: {took:?}");
            }
            assert!(is_idle());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_ends_early_leaves_nothing_behind() {
        for _ in 0..3 {
            let at = Instant::now() + Duration::from_millis(5);
            poll_fn(|cx| {
                drop([at; 4].map(|at| ShortWait::until(at, cx.waker())));
                Poll::Ready(())
            })
            .await;
            sleep(Duration::from_millis(2)).await;
            assert!(is_idle());
        }
    }

    #[test]
    fn waits_in_a_later_runtime_of_the_thread_are_served_too() {
        for _ in 0..2 {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let at = Instant::now() + Duration::from_millis(1);
                wait(at).await;
                // Its runtime ends while it waits.
                let later = Instant::now() + Duration::from_secs(60);
                tokio::spawn(wait(later));
                tokio::task::yield_now().await;
            });
        }
        assert!(is_idle());
    }
}
