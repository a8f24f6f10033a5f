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
    fn check(&mut self) -> IdleState {
        match self.0.load(SeqCst) {
            0 => IdleState::Quiet,
            1 => IdleState::Ended,
            _ => IdleState::Surplus,
        }
    }

    fn reset(self) {
        self.end();
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn key(is_https: bool) -> PoolKey {
    PoolKey {
        address: "127.0.0.1:1".into(),
        is_https,
    }
}

fn keep(pool: &mut AddressPool<Line>, line: &Line, now: Instant) {
    let state = line.clone().check();
    assert_eq!(pool.keep(line.clone(), state, now), Ok(()));
}

fn take(pool: &mut AddressPool<Line>, risk: Risk, now: Instant) -> Option<Line> {
    pool.take(risk, now).expect("no surplus")
}

/// A pool where a connection was seen to stay open, at this time; and that connection.
fn proven(start: Instant) -> (AddressPool<Line>, Line) {
    let (mut pool, line) = (AddressPool::new(start), Line::default());
    keep(&mut pool, &line, start);
    assert!(take(&mut pool, Risk::Loss, start + PROVEN_AFTER).is_some());
    keep(&mut pool, &line, start + PROVEN_AFTER);
    (pool, line)
}

#[test]
fn the_connection_that_was_idle_for_longest_is_taken_first() {
    let start = Instant::now();
    let (mut pool, older) = proven(start);
    let newer = Line::default();
    keep(&mut pool, &newer, start + ms(300));
    for expected in [older, newer] {
        let taken = take(&mut pool, Risk::Delay, start + ms(400)).expect("one is idle");
        assert!(taken.is(&expected));
    }
    assert!(take(&mut pool, Risk::Delay, start + ms(400)).is_none());
}

#[test]
fn a_connection_rests_before_it_is_used_again_unless_many_do() {
    for (idle, waited, expected) in [
        (1, ms(0), false),
        (1, IDLE_REST - ms(1), false),
        (1, IDLE_REST, true),
        (CROWDED_IDLE_CONNECTIONS - 1, ms(4), false),
        (CROWDED_IDLE_CONNECTIONS, ms(0), true),
        (CROWDED_IDLE_CONNECTIONS, ms(4), true),
    ] {
        let start = Instant::now();
        let (mut pool, _) = proven(start);
        pool.idle.clear();
        for _ in 0..idle {
            keep(&mut pool, &Line::default(), start);
        }
        let taken = take(&mut pool, Risk::Loss, start + waited);
        assert_eq!(taken.is_some(), expected, "{idle} for {waited:?}");
    }
}

#[test]
fn surplus_bytes_close_all_idle_connections_and_none_is_kept() {
    let (bad, good) = (key(false), key(true));
    type Find = fn(&Arc<IdlePool<Line>>, &Line);
    let found: [Find; 4] = [
        |pool, line| {
            line.send_more();
            pool.take(&key(false), Risk::Delay);
        },
        |pool, line| {
            line.send_more();
            pool.keep(&key(false), line.clone());
        },
        |pool, _| pool.found_surplus(&key(false)),
        // Another thread's pool learnt of it.
        |pool, _| pool.distrusted.report(&key(false), Instant::now()),
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
    for (what, check) in [
        (
            "before use",
            (|pool, now| pool.take(Risk::Delay, now).map(|_| ())) as fn(&mut AddressPool<Line>, Instant) -> _,
        ),
        ("while sweeping", |pool, now| pool.sweep(now).map(|_| ())),
        ("to prove", |pool, now| pool.prove(now)),
    ] {
        let mut pool = AddressPool::new(start);
        let [first, second] = [Line::default(), Line::default()];
        keep(&mut pool, &first, start);
        keep(&mut pool, &second, start);
        second.send_more();
        assert_eq!(check(&mut pool, start + PROVEN_AFTER), Err(Surplus), "{what}");
    }
    let mut pool = AddressPool::new(start);
    let line = Line::default();
    line.send_more();
    let state = line.clone().check();
    assert_eq!(pool.keep(line, state, start), Err(Surplus), "when an answer ends");
}

#[test]
fn what_was_idle_for_too_long_is_not_used() {
    let start = Instant::now();
    for (waited, expected) in [(IDLE_TIMEOUT - ms(1), true), (IDLE_TIMEOUT, false)] {
        let mut pool = AddressPool::new(start);
        keep(&mut pool, &Line::default(), start);
        assert_eq!(
            take(&mut pool, Risk::Delay, start + waited).is_some(),
            expected,
            "{waited:?}"
        );
    }
}

#[test]
fn what_can_be_lost_goes_over_a_kept_connection_only_where_one_was_seen_to_stay_open() {
    let start = Instant::now();
    let mut pool = AddressPool::new(start);
    keep(&mut pool, &Line::default(), start);
    assert!(
        take(&mut pool, Risk::Loss, start).is_none(),
        "it is not known yet"
    );
    assert!(take(&mut pool, Risk::Loss, start + PROVEN_AFTER - ms(1)).is_none());
    assert!(take(&mut pool, Risk::Loss, start + PROVEN_AFTER).is_some());
    // From now on also one that has just come back and rested.
    keep(&mut pool, &Line::default(), start + PROVEN_AFTER);
    assert!(take(&mut pool, Risk::Loss, start + PROVEN_AFTER + IDLE_REST).is_some());
}

#[test]
fn what_can_be_said_again_goes_over_any_connection_that_is_open() {
    let start = Instant::now();
    let (mut pool, open, ended) = (AddressPool::new(start), Line::default(), Line::default());
    keep(&mut pool, &Line::default(), start);
    keep(&mut pool, &ended, start);
    keep(&mut pool, &open, start);
    ended.end();
    let taken = take(&mut pool, Risk::Delay, start + IDLE_REST).expect("one is open");
    assert!(taken.is(&open));
}

#[test]
fn requests_that_can_be_said_again_do_not_keep_a_service_from_being_proven() {
    let start = Instant::now();
    let mut pool = AddressPool::new(start);
    for n in 0..100 {
        let now = start + ms(n * 10);
        let line = take(&mut pool, Risk::Delay, now).unwrap_or_default();
        keep(&mut pool, &line, now);
    }
    assert!(pool.is_proven);
    assert!(pool.idle.len() <= 3, "{}", pool.idle.len());
}

#[test]
fn connections_that_were_not_needed_for_a_while_are_closed() {
    let start = Instant::now();
    let (mut pool, _) = proven(start);
    for _ in 0..100 {
        keep(&mut pool, &Line::default(), start + PROVEN_AFTER);
    }
    for n in 0..10_u64 {
        let now = start + PROVEN_AFTER + ms(n * 1_000 + 10);
        let line = take(&mut pool, Risk::Delay, now).unwrap_or_default();
        keep(&mut pool, &line, now);
        if n % 4 == 3 {
            assert_eq!(pool.sweep(now), Ok(true));
        }
    }
    assert!(pool.idle.len() < 10, "{}", pool.idle.len());
    assert!(!pool.idle.is_empty());
}

#[test]
fn a_service_that_closes_each_connection_by_itself_gets_nothing_that_can_be_lost_over_one() {
    let start = Instant::now();
    let mut pool = AddressPool::new(start);
    for n in 0..100 {
        let now = start + ms(n * 20);
        assert!(take(&mut pool, Risk::Loss, now).is_none(), "{n}");
        let line = Line::default();
        keep(&mut pool, &line, now);
        line.end();
        assert!(pool.idle.len() <= MAX_UNPROVEN_CONNECTIONS);
    }
}

#[test]
fn a_service_that_closes_one_connection_is_not_believed_for_a_while() {
    let start = Instant::now();
    let (mut pool, line) = proven(start);
    line.end();
    let noticed = start + ms(1_000);
    assert!(take(&mut pool, Risk::Loss, noticed).is_none());
    let (later, other) = (start + ms(1_500), Line::default());
    keep(&mut pool, &other, later);
    assert!(
        take(&mut pool, Risk::Loss, later + PROVEN_AFTER).is_none(),
        "too early"
    );
    for now in [
        noticed + ms(4_000),
        noticed + ms(8_000),
        noticed + DISTRUST_AFTER_CLOSE - PROVEN_AFTER,
    ] {
        pool.idle.clear();
        keep(&mut pool, &Line::default(), now);
        assert!(take(&mut pool, Risk::Loss, now + PROVEN_AFTER - ms(1)).is_none());
    }
    assert!(take(&mut pool, Risk::Loss, noticed + DISTRUST_AFTER_CLOSE).is_some());
}

#[test]
fn a_connection_that_had_ended_when_its_answer_did_is_not_kept() {
    let start = Instant::now();
    let (mut pool, line) = proven(start);
    line.end();
    pool.idle.clear();
    keep(&mut pool, &line, start + ms(300));
    assert!(pool.idle.is_empty() && !pool.is_proven);
}

#[test]
fn a_connection_that_had_ended_when_it_was_used_closes_all_that_are_idle() {
    let pool: Arc<IdlePool<Line>> = IdlePool::new(Arc::default());
    let (mut of_address, _) = proven(Instant::now());
    keep(&mut of_address, &Line::default(), Instant::now());
    pool.lock().insert(key(false), of_address);
    pool.forget(&key(false));
    assert!(pool.take(&key(false), Risk::Delay).is_none());
    let addresses = pool.lock();
    assert!(addresses.values().all(|pool| !pool.is_proven));
}

#[test]
fn no_more_connections_are_idle_than_are_allowed() {
    let start = Instant::now();
    let (mut known, _) = proven(start);
    let mut unknown = AddressPool::new(start);
    for _ in 0..1_000 {
        keep(&mut known, &Line::default(), start);
        keep(&mut unknown, &Line::default(), start);
    }
    assert_eq!(
        [known.idle.len(), unknown.idle.len()],
        [MAX_IDLE_CONNECTIONS, MAX_UNPROVEN_CONNECTIONS]
    );
}

#[test]
fn sweeping_closes_what_is_over_and_what_has_ended_and_forgets_addresses_without_calls() {
    let start = Instant::now();
    let (mut pool, _) = proven(start);
    let [ended, open] = [Line::default(), Line::default()];
    keep(&mut pool, &ended, start + IDLE_TIMEOUT);
    keep(&mut pool, &open, start + IDLE_TIMEOUT);
    ended.end();
    assert_eq!(pool.sweep(start + PROVEN_AFTER + IDLE_TIMEOUT), Ok(true));
    assert_eq!(pool.idle.len(), 1);
    assert!(pool.idle[0].connection.is(&open));
    assert_eq!(pool.sweep(start + 3 * IDLE_TIMEOUT), Ok(true), "it is remembered");
    assert!(pool.idle.is_empty());
    assert_eq!(pool.sweep(start + IDLE_TIMEOUT + ADDRESS_REMEMBERED), Ok(false));
}

#[tokio::test]
async fn a_connection_is_for_one_origin_only() {
    let pool = IdlePool::new(Arc::default());
    pool.keep(&key(false), Line::default());
    pool.age(PROVEN_AFTER);
    assert!(pool.take(&key(true), Risk::Delay).is_none());
    assert!(pool.take(&key(false), Risk::Delay).is_some());
    assert!(pool.take(&key(false), Risk::Delay).is_none());
}

#[tokio::test]
async fn sweeping_ends_when_there_is_nothing_left() {
    let pool = IdlePool::new(Arc::default());
    pool.keep(&key(false), Line::default());
    for pool in pool.lock().values_mut() {
        pool.used -= ADDRESS_REMEMBERED;
        pool.idle.clear();
    }
    sweep(Arc::downgrade(&pool), Duration::from_millis(1)).await;
    assert!(pool.lock().is_empty());
}
