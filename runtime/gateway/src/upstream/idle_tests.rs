use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

use super::*;

/// A connection that its service can end, or send too much over.
#[derive(Clone, Debug, Default)]
struct Line(Arc<AtomicU8>);

impl Line {
    fn end(&self) {
        self.0.store(1, SeqCst);
    }

    fn send_more(&self) {
        self.0.store(2, SeqCst);
    }

    fn is(&self, other: &Line) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Reusable for Line {
    fn look(&mut self) -> Look {
        match self.0.load(SeqCst) {
            0 => Look::Quiet,
            1 => Look::Ended,
            _ => Look::Surplus,
        }
    }

    fn reset(self) {
        self.end();
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn origin(is_https: bool) -> Origin {
    ("127.0.0.1:1".into(), is_https)
}

fn keep(place: &mut Place<Line>, line: &Line, now: Instant) {
    let look = line.clone().look();
    assert_eq!(place.keep(line.clone(), look, now), Ok(()));
}

fn take(place: &mut Place<Line>, risk: Risk, now: Instant) -> Option<Line> {
    place.take(risk, now).expect("no surplus")
}

/// A place where a connection was seen to stay open, at this time; and that connection.
fn proven(start: Instant) -> (Place<Line>, Line) {
    let (mut place, line) = (Place::new(start), Line::default());
    keep(&mut place, &line, start);
    assert!(take(&mut place, Risk::Loss, start + SETTLED).is_some());
    keep(&mut place, &line, start + SETTLED);
    (place, line)
}

#[test]
fn the_connection_that_was_idle_for_longest_is_taken_first() {
    let start = Instant::now();
    let (mut place, older) = proven(start);
    let newer = Line::default();
    keep(&mut place, &newer, start + ms(300));
    for expected in [older, newer] {
        let taken = take(&mut place, Risk::Delay, start + ms(400)).expect("one is idle");
        assert!(taken.is(&expected));
    }
    assert!(take(&mut place, Risk::Delay, start + ms(400)).is_none());
}

#[test]
fn a_connection_rests_before_it_is_used_again_unless_many_do() {
    for (idle, waited, expected) in [
        (1, ms(0), false),
        (1, REST - ms(1), false),
        (1, REST, true),
        (CROWD - 1, ms(4), false),
        (CROWD, ms(0), true),
        (CROWD, ms(4), true),
    ] {
        let start = Instant::now();
        let (mut place, _) = proven(start);
        place.idle.clear();
        for _ in 0..idle {
            keep(&mut place, &Line::default(), start);
        }
        let taken = take(&mut place, Risk::Loss, start + waited);
        assert_eq!(taken.is_some(), expected, "{idle} for {waited:?}");
    }
}

#[test]
fn surplus_bytes_close_all_idle_connections_and_none_is_kept() {
    let (bad, good) = (origin(false), origin(true));
    type Find = fn(&Arc<IdlePool<Line>>, &Line);
    let found: [Find; 4] = [
        |pool, line| {
            line.send_more();
            pool.take(&origin(false), Risk::Delay);
        },
        |pool, line| {
            line.send_more();
            pool.keep(&origin(false), line.clone());
        },
        |pool, _| pool.found_surplus(&origin(false)),
        // Another thread's pool learnt of it.
        |pool, _| pool.distrusted.report(&origin(false), Instant::now()),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let _inside = runtime.as_ref().expect("a runtime").enter();
    for (nth, find) in found.iter().enumerate() {
        let pool = IdlePool::new(Arc::default());
        let lines: Vec<Line> = (0..10).map(|_| Line::default()).collect();
        for line in &lines {
            pool.keep(&bad, line.clone());
            pool.keep(&good, Line::default());
        }
        pool.age(ms(1_000));
        find(&pool, &lines[0]);
        assert!(pool.take(&bad, Risk::Delay).is_none(), "{nth}");
        let late = Line::default();
        pool.keep(&bad, late.clone());
        pool.age(ms(1_000));
        assert!(pool.take(&bad, Risk::Delay).is_none(), "{nth}");
        assert_eq!(late.0.load(SeqCst), 1, "{nth}: it is reset");
        assert!(pool.lock()[&bad].idle.is_empty(), "{nth}");
        assert!(
            pool.take(&good, Risk::Delay).is_some(),
            "{nth}: others are as before"
        );
    }
}

#[test]
fn surplus_bytes_are_found_whenever_idle_connections_are_looked_at() {
    let start = Instant::now();
    for (what, look) in [
        (
            "before use",
            (|place, now| place.take(Risk::Delay, now).map(|_| ())) as fn(&mut Place<Line>, Instant) -> _,
        ),
        ("while sweeping", |place, now| place.sweep(now).map(|_| ())),
        ("to prove", |place, now| place.prove(now)),
    ] {
        let mut place = Place::new(start);
        let [first, second] = [Line::default(), Line::default()];
        keep(&mut place, &first, start);
        keep(&mut place, &second, start);
        second.send_more();
        assert_eq!(look(&mut place, start + SETTLED), Err(Surplus), "{what}");
    }
    let mut place = Place::new(start);
    let line = Line::default();
    line.send_more();
    let look = line.clone().look();
    assert_eq!(place.keep(line, look, start), Err(Surplus), "when an answer ends");
}

#[test]
fn what_was_idle_for_too_long_is_not_used() {
    let start = Instant::now();
    for (waited, expected) in [(IDLE_TIMEOUT - ms(1), true), (IDLE_TIMEOUT, false)] {
        let mut place = Place::new(start);
        keep(&mut place, &Line::default(), start);
        assert_eq!(
            take(&mut place, Risk::Delay, start + waited).is_some(),
            expected,
            "{waited:?}"
        );
    }
}

#[test]
fn what_can_be_lost_goes_over_a_kept_connection_only_where_one_was_seen_to_stay_open() {
    let start = Instant::now();
    let mut place = Place::new(start);
    keep(&mut place, &Line::default(), start);
    assert!(
        take(&mut place, Risk::Loss, start).is_none(),
        "it is not known yet"
    );
    assert!(take(&mut place, Risk::Loss, start + SETTLED - ms(1)).is_none());
    assert!(take(&mut place, Risk::Loss, start + SETTLED).is_some());
    // From now on also one that has just come back and rested.
    keep(&mut place, &Line::default(), start + SETTLED);
    assert!(take(&mut place, Risk::Loss, start + SETTLED + REST).is_some());
}

#[test]
fn what_can_be_said_again_goes_over_any_connection_that_is_open() {
    let start = Instant::now();
    let (mut place, open, ended) = (Place::new(start), Line::default(), Line::default());
    keep(&mut place, &Line::default(), start);
    keep(&mut place, &ended, start);
    keep(&mut place, &open, start);
    ended.end();
    let taken = take(&mut place, Risk::Delay, start + REST).expect("one is open");
    assert!(taken.is(&open));
}

#[test]
fn requests_that_can_be_said_again_do_not_keep_a_service_from_being_proven() {
    let start = Instant::now();
    let mut place = Place::new(start);
    for n in 0..100 {
        let now = start + ms(n * 10);
        let line = take(&mut place, Risk::Delay, now).unwrap_or_default();
        keep(&mut place, &line, now);
    }
    assert!(place.is_proven);
    assert!(place.idle.len() <= 3, "{}", place.idle.len());
}

#[test]
fn connections_that_were_not_needed_for_a_while_are_closed() {
    let start = Instant::now();
    let (mut place, _) = proven(start);
    for _ in 0..100 {
        keep(&mut place, &Line::default(), start + SETTLED);
    }
    for n in 0..10_u64 {
        let now = start + SETTLED + ms(n * 1_000 + 10);
        let line = take(&mut place, Risk::Delay, now).unwrap_or_default();
        keep(&mut place, &line, now);
        if n % 4 == 3 {
            assert_eq!(place.sweep(now), Ok(true));
        }
    }
    assert!(place.idle.len() < 10, "{}", place.idle.len());
    assert!(!place.idle.is_empty());
}

#[test]
fn a_service_that_closes_each_connection_by_itself_gets_nothing_that_can_be_lost_over_one() {
    let start = Instant::now();
    let mut place = Place::new(start);
    for n in 0..100 {
        let now = start + ms(n * 20);
        assert!(take(&mut place, Risk::Loss, now).is_none(), "{n}");
        let line = Line::default();
        keep(&mut place, &line, now);
        line.end();
        assert!(place.idle.len() <= MAX_UNPROVEN);
    }
}

#[test]
fn a_service_that_closes_one_connection_is_not_believed_for_a_while() {
    let start = Instant::now();
    let (mut place, line) = proven(start);
    line.end();
    let noticed = start + ms(1_000);
    assert!(take(&mut place, Risk::Loss, noticed).is_none());
    let (later, other) = (start + ms(1_500), Line::default());
    keep(&mut place, &other, later);
    assert!(
        take(&mut place, Risk::Loss, later + SETTLED).is_none(),
        "too early"
    );
    for now in [
        noticed + ms(4_000),
        noticed + ms(8_000),
        noticed + DISTRUST_AFTER_CLOSE - SETTLED,
    ] {
        place.idle.clear();
        keep(&mut place, &Line::default(), now);
        assert!(take(&mut place, Risk::Loss, now + SETTLED - ms(1)).is_none());
    }
    assert!(take(&mut place, Risk::Loss, noticed + DISTRUST_AFTER_CLOSE).is_some());
}

#[test]
fn a_connection_that_had_ended_when_its_answer_did_is_not_kept() {
    let start = Instant::now();
    let (mut place, line) = proven(start);
    line.end();
    place.idle.clear();
    keep(&mut place, &line, start + ms(300));
    assert!(place.idle.is_empty() && !place.is_proven);
}

#[test]
fn a_connection_that_had_ended_when_it_was_used_closes_all_that_are_idle() {
    let pool: Arc<IdlePool<Line>> = IdlePool::new(Arc::default());
    let (mut place, _) = proven(Instant::now());
    keep(&mut place, &Line::default(), Instant::now());
    pool.lock().insert(origin(false), place);
    pool.forget(&origin(false));
    assert!(pool.take(&origin(false), Risk::Delay).is_none());
    let places = pool.lock();
    assert!(places.values().all(|place| !place.is_proven));
}

#[test]
fn no_more_connections_are_idle_than_are_allowed() {
    let start = Instant::now();
    let (mut known, _) = proven(start);
    let mut unknown = Place::new(start);
    for _ in 0..1_000 {
        keep(&mut known, &Line::default(), start);
        keep(&mut unknown, &Line::default(), start);
    }
    assert_eq!([known.idle.len(), unknown.idle.len()], [MAX_IDLE, MAX_UNPROVEN]);
}

#[test]
fn sweeping_closes_what_is_over_and_what_has_ended_and_forgets_addresses_without_calls() {
    let start = Instant::now();
    let (mut place, _) = proven(start);
    let [ended, open] = [Line::default(), Line::default()];
    keep(&mut place, &ended, start + IDLE_TIMEOUT);
    keep(&mut place, &open, start + IDLE_TIMEOUT);
    ended.end();
    assert_eq!(place.sweep(start + SETTLED + IDLE_TIMEOUT), Ok(true));
    assert_eq!(place.idle.len(), 1);
    assert!(place.idle[0].connection.is(&open));
    assert_eq!(
        place.sweep(start + 3 * IDLE_TIMEOUT),
        Ok(true),
        "it is remembered"
    );
    assert!(place.idle.is_empty());
    assert_eq!(place.sweep(start + IDLE_TIMEOUT + REMEMBERED), Ok(false));
}

#[tokio::test]
async fn a_connection_is_for_one_origin_only() {
    let pool = IdlePool::new(Arc::default());
    pool.keep(&origin(false), Line::default());
    pool.age(SETTLED);
    assert!(pool.take(&origin(true), Risk::Delay).is_none());
    assert!(pool.take(&origin(false), Risk::Delay).is_some());
    assert!(pool.take(&origin(false), Risk::Delay).is_none());
}

#[tokio::test]
async fn sweeping_ends_when_there_is_nothing_left() {
    let pool = IdlePool::new(Arc::default());
    pool.keep(&origin(false), Line::default());
    for place in pool.lock().values_mut() {
        place.used -= REMEMBERED;
        place.idle.clear();
    }
    sweep(Arc::downgrade(&pool), Duration::from_millis(1)).await;
    assert!(pool.lock().is_empty());
}
