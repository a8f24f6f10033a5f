//! Limits how many lines one place in the code logs.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use hydra_runtime_wire::lines;
use tracing::{
    Event, Level, Subscriber,
    callsite::Identifier,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use crate::limits::MAX_LINES_PER_SECOND;

/// A second, in milliseconds.
const SECOND: u64 = 1_000;
/// The target of lines that tell how many were left out. Those are never left out themselves.
pub(super) const TARGET: &str = module_path!();

/// Lets through the lines that each place may log.
#[derive(Clone)]
pub(super) struct Limit {
    started: Instant,
    /// Never locked while something is logged.
    places: Arc<Mutex<Places<Identifier, Told>>>,
}

/// What is remembered of a line that was left out.
struct Told {
    level: Level,
    message: String,
}

/// Lines of one place that were left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct More {
    pub(super) level: Level,
    pub(super) count: u64,
    /// The first of them.
    pub(super) message: String,
}

impl Default for Limit {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            places: Arc::default(),
        }
    }
}

impl Limit {
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The lines that were left out and not reported yet: for the places where a second has passed since, and at the
    /// end for all.
    pub(super) fn left_out(&self, is_end: bool) -> Vec<More> {
        let now = if is_end { u64::MAX } else { self.now() };
        let left_out = self
            .places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .left_out(now);
        let more = left_out.into_iter().map(|(count, told)| More {
            level: told.level,
            count,
            message: told.message,
        });
        more.collect()
    }
}

impl<S: Subscriber> Layer<S> for Limit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if metadata.target() == TARGET {
            return true;
        }
        let now = self.now();
        let told = || Told {
            level: *metadata.level(),
            message: message(event),
        };
        self.places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .admits(metadata.callsite(), now, told)
    }
}

/// The text of an event, cut where it is long.
fn message(event: &Event<'_>) -> String {
    struct Message(String);
    impl Visit for Message {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            if field.name() == "message" {
                self.0 = format!("{value:?}");
            }
        }
    }
    let mut message = Message(String::new());
    event.record(&mut message);
    lines::cut(&message.0).to_owned()
}

/// When each place logged last. `T` is what is remembered of the lines that are left out.
struct Places<K, T> {
    places: HashMap<K, Place<T>>,
}

struct Place<T> {
    /// When it logged its last lines, as a ring buffer.
    lines: [Option<u64>; MAX_LINES_PER_SECOND],
    next: usize,
    left_out: Option<LeftOut<T>>,
}

struct LeftOut<T> {
    since: u64,
    count: u64,
    first: T,
}

impl<K, T> Default for Places<K, T> {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash, T> Places<K, T> {
    /// Whether the place may log one more line `now`. Otherwise the line is counted as left out, and `told` makes what
    /// is remembered of it.
    fn admits(&mut self, place: K, now: u64, told: impl FnOnce() -> T) -> bool {
        let place = self.places.entry(place).or_insert_with(|| Place {
            lines: [None; MAX_LINES_PER_SECOND],
            next: 0,
            left_out: None,
        });
        // The oldest line in the ring buffer.
        if place.lines[place.next].is_some_and(|then| now.saturating_sub(then) < SECOND) {
            let left_out = place.left_out.get_or_insert_with(|| LeftOut {
                since: now,
                count: 0,
                first: told(),
            });
            left_out.count += 1;
            return false;
        }
        place.lines[place.next] = Some(now);
        place.next = (place.next + 1) % MAX_LINES_PER_SECOND;
        true
    }

    fn left_out(&mut self, now: u64) -> Vec<(u64, T)> {
        let places = self.places.values_mut();
        places
            .filter_map(|place| {
                let over = |left_out: &mut LeftOut<T>| now.saturating_sub(left_out.since) >= SECOND;
                place.left_out.take_if(over)
            })
            .map(|left_out| (left_out.count, left_out.first))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn a_place_logs_so_many_lines_in_any_second_and_the_rest_is_counted() {
        let mut places = Places::<_, &str>::default();
        let mut logged = Vec::new();
        for now in (0..3_000).step_by(7) {
            if places.admits("often", now, || "first") {
                logged.push(now);
            }
            assert!(now % 500 != 0 || places.admits("seldom", now, || "never"));
        }
        for window in logged.windows(MAX_LINES_PER_SECOND + 1) {
            assert!(window[MAX_LINES_PER_SECOND] - window[0] >= SECOND, "{window:?}");
        }
        assert_eq!(logged.len(), 3 * MAX_LINES_PER_SECOND);
        let left_out = places.left_out(3_000);
        let total = (0..3_000).step_by(7).count();
        assert_eq!(left_out, [((total - logged.len()) as u64, "first")]);
        assert_eq!(places.left_out(9_000), []);
    }

    #[test]
    fn what_was_left_out_is_told_once_its_second_is_over() {
        let mut places = Places::<_, u64>::default();
        for now in 0..20 {
            places.admits("a", now, || now);
        }
        assert_eq!(places.left_out(500), []);
        assert_eq!(places.left_out(1_010), [(10, 10)]);
        assert!(places.admits("a", 1_011, || 0));
    }

    #[test]
    fn a_subscriber_with_it_logs_the_first_lines_of_each_place() {
        let limit = Limit::default();
        let lines = Arc::new(Mutex::new(0));
        struct Count(Arc<Mutex<usize>>);
        impl<S: Subscriber> Layer<S> for Count {
            fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
                *self.0.lock().expect("not poisoned") += 1;
            }
        }
        let count = Count(Arc::clone(&lines));
        let subscriber = tracing_subscriber::registry().with(limit.clone()).with(count);
        tracing::subscriber::with_default(subscriber, || {
            // All of it within a second, or else the machine stands still: then there is nothing to see.
            let began = Instant::now();
            for number in 0..1_000 {
                tracing::warn!(number, "often");
                tracing::info!(target: TARGET, "never left out");
            }
            let is_quick = began.elapsed().as_millis() < u128::from(SECOND);
            let logged = *lines.lock().expect("not poisoned");
            assert!(!is_quick || logged == 1_000 + MAX_LINES_PER_SECOND, "{logged}");
        });
        let mut places = limit.places.lock().expect("not poisoned");
        let left_out = places.left_out(u64::MAX);
        assert!(
            left_out
                .iter()
                .all(|(_, told)| told.message == "often" && told.level == Level::WARN)
        );
    }
}
