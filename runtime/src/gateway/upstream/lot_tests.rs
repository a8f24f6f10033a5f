use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use super::*;

/// A connection that its service can end.
#[derive(Clone, Debug, Default)]
struct Line(Arc<AtomicBool>);

impl Line {
    fn end(&self) {
        self.0.store(true, SeqCst);
    }

    fn is(&self, other: &Line) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Reusable for Line {
    fn is_quiet(&mut self) -> bool {
        !self.0.load(SeqCst)
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn origin(is_https: bool) -> Origin {
    ("127.0.0.1:1".into(), is_https)
}

/// A place where a connection was seen to stay open, at this time; and that connection.
fn proven(start: Instant) -> (Place<Line>, Line) {
    let (mut place, line) = (Place::new(start), Line::default());
    place.keep(line.clone(), start);
    assert!(place.take(Risk::Loss, start + SETTLED).is_some());
    place.keep(line.clone(), start + SETTLED);
    (place, line)
}

#[test]
fn the_connection_that_waited_least_is_taken_first() {
    let start = Instant::now();
    let (mut place, older) = proven(start);
    let newer = Line::default();
    place.keep(newer.clone(), start + ms(300));
    for expected in [newer, older] {
        let taken = place.take(Risk::Delay, start + ms(400)).expect("one waits");
        assert!(taken.is(&expected));
    }
    assert!(place.take(Risk::Delay, start + ms(400)).is_none());
}

#[test]
fn what_waited_too_long_is_not_used() {
    let start = Instant::now();
    for (waited, expected) in [(IDLE_TIMEOUT - ms(1), true), (IDLE_TIMEOUT, false)] {
        let mut place = Place::new(start);
        place.keep(Line::default(), start);
        assert_eq!(
            place.take(Risk::Delay, start + waited).is_some(),
            expected,
            "{waited:?}"
        );
    }
}

#[test]
fn what_can_be_lost_goes_over_a_kept_connection_only_where_one_was_seen_to_stay_open() {
    let start = Instant::now();
    let mut place = Place::new(start);
    place.keep(Line::default(), start);
    assert!(place.take(Risk::Loss, start).is_none(), "nobody knows yet");
    assert!(place.take(Risk::Loss, start + SETTLED - ms(1)).is_none());
    assert!(place.take(Risk::Loss, start + SETTLED).is_some());
    // From now on also one that has just come back.
    place.keep(Line::default(), start + SETTLED);
    assert!(place.take(Risk::Loss, start + SETTLED).is_some());
}

#[test]
fn what_can_be_said_again_goes_over_any_connection_that_is_open() {
    let start = Instant::now();
    let (mut place, open, ended) = (Place::new(start), Line::default(), Line::default());
    place.keep(open.clone(), start);
    place.keep(ended.clone(), start);
    ended.end();
    let taken = place.take(Risk::Delay, start).expect("one is open");
    assert!(taken.is(&open));
}

#[test]
fn a_service_that_closes_each_connection_by_itself_gets_nothing_that_can_be_lost_over_one() {
    let start = Instant::now();
    let mut place = Place::new(start);
    for n in 0..100 {
        let now = start + ms(n * 20);
        assert!(place.take(Risk::Loss, now).is_none(), "{n}");
        let line = Line::default();
        place.keep(line.clone(), now);
        line.end();
        assert!(place.waiting.len() <= MAX_UNPROVEN);
    }
}

#[test]
fn a_service_that_closes_one_connection_is_not_believed_for_a_while() {
    let start = Instant::now();
    let (mut place, line) = proven(start);
    line.end();
    let noticed = start + ms(1_000);
    assert!(place.take(Risk::Loss, noticed).is_none());
    let (later, other) = (start + ms(1_500), Line::default());
    place.keep(other.clone(), later);
    assert!(place.take(Risk::Loss, later + SETTLED).is_none(), "too early");
    for now in [noticed + ms(4_000), noticed + ms(8_000), noticed + WARY - SETTLED] {
        place.waiting.clear();
        place.keep(Line::default(), now);
        assert!(place.take(Risk::Loss, now + SETTLED - ms(1)).is_none());
    }
    assert!(place.take(Risk::Loss, noticed + WARY).is_some());
}

#[test]
fn a_connection_that_had_ended_when_it_was_used_closes_all_that_wait() {
    let lot: Lot<Line> = Lot::default();
    let (mut place, _) = proven(Instant::now());
    place.keep(Line::default(), Instant::now());
    lot.lock().insert(origin(false), place);
    lot.forget(&origin(false));
    assert!(lot.take(&origin(false), Risk::Delay).is_none());
    let places = lot.lock();
    assert!(places.values().all(|place| !place.is_proven));
}

#[test]
fn no_more_connections_wait_than_are_allowed() {
    let start = Instant::now();
    let (mut known, _) = proven(start);
    let mut unknown = Place::new(start);
    for _ in 0..1_000 {
        known.keep(Line::default(), start);
        unknown.keep(Line::default(), start);
    }
    assert_eq!(
        [known.waiting.len(), unknown.waiting.len()],
        [MAX_IDLE, MAX_UNPROVEN]
    );
}

#[test]
fn sweeping_closes_what_is_over_and_what_has_ended_and_forgets_who_is_not_called() {
    let start = Instant::now();
    let (mut place, _) = proven(start);
    let [ended, open] = [Line::default(), Line::default()];
    place.keep(ended.clone(), start + IDLE_TIMEOUT);
    place.keep(open.clone(), start + IDLE_TIMEOUT);
    ended.end();
    assert!(place.sweep(start + SETTLED + IDLE_TIMEOUT));
    assert_eq!(place.waiting.len(), 1);
    assert!(place.waiting[0].connection.is(&open));
    assert!(place.sweep(start + 3 * IDLE_TIMEOUT), "it is remembered");
    assert!(place.waiting.is_empty());
    assert!(!place.sweep(start + IDLE_TIMEOUT + REMEMBERED));
}

#[tokio::test]
async fn a_connection_is_for_one_origin_only() {
    let lot = Arc::new(Lot::default());
    lot.keep(&origin(false), Line::default());
    assert!(lot.take(&origin(true), Risk::Delay).is_none());
    assert!(lot.take(&origin(false), Risk::Delay).is_some());
    assert!(lot.take(&origin(false), Risk::Delay).is_none());
}

#[tokio::test]
async fn sweeping_ends_when_there_is_nothing_left() {
    let lot = Arc::new(Lot::default());
    lot.keep(&origin(false), Line::default());
    for place in lot.lock().values_mut() {
        place.used -= REMEMBERED;
        place.waiting.clear();
    }
    sweep(Arc::downgrade(&lot), Duration::from_millis(1)).await;
    assert!(lot.lock().is_empty());
}
