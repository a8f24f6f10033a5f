//! How long the current thread has had nothing to do: the time in which its runtime waited for events.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use tokio::runtime::Builder;

thread_local! {
    static REST: Cell<Option<Rest>> = const { Cell::new(None) };
}

/// The rest of a thread so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rest {
    total: Duration,
    /// When the rest began in which the thread is. `None`: it works.
    began: Option<Instant>,
}

impl Rest {
    fn begun(self, now: Instant) -> Self {
        Self {
            began: Some(now),
            ..self
        }
    }

    fn ended(self, now: Instant) -> Self {
        let last = self.began.map(|began| now.saturating_duration_since(began));
        Self {
            total: self.total + last.unwrap_or_default(),
            began: None,
        }
    }
}

/// Lets the runtime of `builder`, which has one thread, record its rest.
pub(super) fn record(builder: &mut Builder) -> &mut Builder {
    let change = |change: fn(Rest, Instant) -> Rest| {
        move || REST.set(Some(change(REST.get().unwrap_or_default(), Instant::now())))
    };
    builder
        .on_thread_park(change(Rest::begun))
        .on_thread_unpark(change(Rest::ended))
}

/// How long the current thread has had nothing to do so far. `None`: it is not recorded, as in a runtime that the server
/// did not build.
pub fn total() -> Option<Duration> {
    REST.get().map(|rest| rest.total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_time_between_a_beginning_and_its_end_counts() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let rest = Rest::default().ended(at(1));
        assert_eq!(rest, Rest::default(), "a thread starts with work");
        let rest = rest.begun(at(2)).ended(at(5)).begun(at(7)).ended(at(8));
        assert_eq!(rest.total, Duration::from_millis(4));
        assert_eq!(rest.begun(at(9)).total, rest.total);
    }

    #[test]
    fn a_runtime_records_how_long_it_waited() {
        let runtime = record(Builder::new_current_thread().enable_all()).build();
        runtime.expect("a runtime").block_on(async {
            let before = total().unwrap_or_default();
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert!(total().expect("it is recorded") > before);
        });
        let other = std::thread::spawn(total).join();
        assert_eq!(other.expect("no panic"), None);
    }
}
