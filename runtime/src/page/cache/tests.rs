#![allow(clippy::disallowed_methods, reason = "a moment to count from")]

use std::time::Duration;

use bytes::Bytes;
use hydra_runtime_wire::Attributes;
use serde_json::json;

use super::{entry::CachedFragment, in_flight::SharedResult, key::Audience, *};
use crate::page::{plan::cache_policy::CachePolicy, report::event::MOMENT_MILLISECONDS};

struct Fixture {
    cache: Arc<FragmentCache>,
    start: Instant,
    policy: CachePolicy,
}

/// Seconds of `cache` and `stale`.
fn cache(cache: u64, stale: u64) -> Fixture {
    Fixture {
        cache: FragmentCache::new(1 << 20).expect("room"),
        start: Instant::now(),
        policy: CachePolicy {
            cache: Duration::from_secs(cache),
            stale: Duration::from_secs(stale),
        },
    }
}

impl Fixture {
    fn at(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    fn look_up(&self, may_wait: bool, seconds: u64) -> Lookup {
        let imports = Attributes::new();
        let query = CacheQuery {
            service: "s",
            reference: "f",
            imports: &imports,
            exports: &["a".into()],
            audience: Audience::default(),
            policy: self.policy,
        };
        let until = may_wait.then(|| self.at(seconds + 10));
        self.cache.look_up(&query, until, self.at(seconds))
    }

    fn fetch(&self, seconds: u64) -> Reservation {
        match self.look_up(true, seconds) {
            Lookup::Ask(reservation) => reservation,
            Lookup::Hit(_) => panic!("it is kept"),
            Lookup::Wait(..) => panic!("it waits"),
        }
    }

    /// What is shown where the owner answers so.
    fn answered(&self, answer: Answer, seconds: u64) -> (Outcome, Option<Bytes>) {
        let answer = self.fetch(seconds).conclude(answer, true, self.at(seconds));
        (answer.outcome, answer.html)
    }

    fn is_fresh(&self, seconds: u64) -> bool {
        matches!(self.look_up(false, seconds), Lookup::Hit(_))
    }

    fn wait(&self, seconds: u64) -> (Reservation, InFlight) {
        match self.look_up(true, seconds) {
            Lookup::Wait(reservation, in_flight) => (reservation, in_flight),
            _ => panic!("it does not wait"),
        }
    }
}

fn rendered(html: &'static str) -> Answer {
    Answer {
        html: Some(Bytes::from_static(html.as_bytes())),
        exports: json!({"a": 1, "secret": 2})
            .as_object()
            .cloned()
            .expect("members"),
        ..Answer::default()
    }
}

fn stating(max_age: u64) -> Answer {
    Answer {
        max_age: Some(max_age),
        ..rendered("x")
    }
}

fn failed(outcome: Outcome) -> Answer {
    Answer::failed(outcome, "it broke")
}

#[test]
fn an_answer_is_used_again_as_long_as_the_tag_says() {
    let cache = cache(30, 0);
    cache.answered(rendered("x"), 0);
    let Lookup::Hit(answer) = cache.look_up(true, 29) else {
        panic!("it is not kept");
    };
    assert_eq!((answer.outcome, answer.html), (Outcome::Cached, Some("x".into())));
    assert_eq!(answer.max_age, Some(1_000));
    assert!(!cache.is_fresh(30));
}

#[test]
fn exports_that_were_not_asked_for_are_not_kept() {
    let cache = cache(30, 0);
    cache.answered(rendered("x"), 0);
    let Lookup::Hit(answer) = cache.look_up(true, 1) else {
        panic!("it is not kept");
    };
    assert_eq!(answer.exports.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn the_owner_may_shorten_the_time_and_forbid_it_but_not_lengthen_it() {
    for (stated, fresh_until) in [(0, 0), (5_000, 5), (90_000, 30)] {
        let cache = cache(30, 0);
        cache.answered(stating(stated), 0);
        let until = (0..=100).find(|&seconds| !cache.is_fresh(seconds));
        assert_eq!(until, Some(fresh_until), "{stated}");
    }
}

#[test]
fn an_old_copy_serves_where_the_owner_gives_none_and_no_longer_than_the_tag_says() {
    for outcome in [Outcome::Failed, Outcome::Inactive, Outcome::Late] {
        let cache = cache(30, 60);
        cache.answered(rendered("x"), 0);
        assert_eq!(
            cache.answered(failed(outcome), 89),
            (Outcome::Stale, Some("x".into())),
            "{outcome:?}"
        );
        assert_eq!(cache.answered(failed(outcome), 90), (outcome, None));
    }
}

#[test]
fn an_old_copy_is_not_for_those_whom_the_owner_refuses() {
    let cache = cache(30, 60);
    cache.answered(rendered("x"), 0);
    assert_eq!(
        cache.answered(failed(Outcome::Refused), 40),
        (Outcome::Refused, None)
    );
}

#[test]
fn stale_without_cache_asks_each_time_and_nobody_waits() {
    let cache = cache(0, 60);
    cache.answered(rendered("x"), 0);
    let _under_way = cache.fetch(1);
    assert_eq!(
        cache.answered(failed(Outcome::Failed), 1),
        (Outcome::Stale, Some("x".into()))
    );
}

#[test]
fn a_new_answer_takes_the_place_of_an_old_one() {
    let cache = cache(30, 60);
    cache.answered(rendered("x"), 0);
    cache.answered(rendered("y"), 40);
    assert_eq!(
        cache.answered(failed(Outcome::Failed), 71),
        (Outcome::Stale, Some("y".into()))
    );
}

#[test]
fn an_answer_for_one_visitor_is_not_kept_and_nobody_waits_for_the_next() {
    let cache = cache(30, 60);
    cache.fetch(0).conclude(rendered("mine"), false, cache.at(0));
    assert!(!cache.is_fresh(0));
    let _one = cache.fetch(1);
    let _another = cache.fetch(1);
    // After a while it may have become one for all.
    drop((_one, _another));
    let _one = cache.fetch(31);
    cache.wait(31);
}

#[test]
fn an_answer_that_may_not_be_kept_leaves_the_old_copy_for_bad_times() {
    let cache = cache(30, 60);
    cache.answered(rendered("x"), 0);
    cache.answered(stating(0), 40);
    assert!(!cache.is_fresh(40));
    assert_eq!(
        cache.answered(failed(Outcome::Late), 50),
        (Outcome::Stale, Some("x".into()))
    );
}

#[test]
fn an_answer_for_a_moment_is_shared_but_leaves_the_old_copy_for_bad_times() {
    let cache = cache(30, 60);
    cache.answered(rendered("whole"), 0);
    let first = cache.fetch(40);
    let (_second, in_flight) = cache.wait(40);
    let moment = Answer {
        max_age: Some(MOMENT_MILLISECONDS),
        ..rendered("part")
    };
    first.conclude(moment.clone(), true, cache.at(40));
    assert!(matches!(in_flight.result(), Some(SharedResult::Answer(_))));
    assert!(cache.is_fresh(40) && !cache.is_fresh(41));
    let (third, _) = (cache.fetch(41), cache.wait(41));
    drop(third);
    let failed = |seconds| cache.answered(failed(Outcome::Failed), seconds);
    assert_eq!(failed(50), (Outcome::Stale, Some("whole".into())));
    // Better than nothing.
    cache.answered(moment, 90);
    assert_eq!(failed(91), (Outcome::Stale, Some("part".into())));
}

#[test]
fn what_both_copies_take_is_counted() {
    let copy = |html: &'static str| {
        Some(Arc::new(CachedFragment {
            html: Bytes::from_static(html.as_bytes()),
            exports: Attributes::new(),
            assets: Box::default(),
            born: Instant::now(),
            max_age: None,
        }))
    };
    let (short, long) = (copy("x"), copy("four"));
    let known = |latest: &Option<Arc<CachedFragment>>, fallback: &Option<Arc<CachedFragment>>| CacheEntry {
        latest: latest.clone(),
        fallback: fallback.clone(),
        ..CacheEntry::default()
    };
    assert_eq!(known(&short, &short).size(), 1);
    assert_eq!(known(&short, &long).size(), 5);
    assert_eq!(CacheEntry::default().size(), 0);
}

#[test]
fn an_answer_that_comes_late_is_kept_for_the_next() {
    let cache = cache(30, 0);
    let first = cache.fetch(0);
    let (_second, in_flight) = cache.wait(0);
    let (shown, rest) = first.late(failed(Outcome::Late), cache.at(0));
    assert_eq!(shown.outcome, Outcome::Late);
    assert!(in_flight.is_abandoned(), "no request waits for it");
    rest.conclude(rendered("x"), true, cache.at(5));
    assert!(cache.is_fresh(5));
}

#[test]
fn one_asks_and_the_others_wait_for_its_answer() {
    let cache = cache(30, 0);
    let first = cache.fetch(0);
    let (second, in_flight) = cache.wait(0);
    assert!(in_flight.result().is_none());
    first.conclude(rendered("x"), true, cache.at(0));
    let Some(SharedResult::Answer(fragment)) = in_flight.result() else {
        panic!("it is not for others");
    };
    let result = SharedResult::Answer(fragment);
    let answer = second.after_wait(result, cache.at(0)).expect("an answer");
    assert_eq!((answer.outcome, answer.html), (Outcome::Cached, Some("x".into())));
    assert!(cache.is_fresh(0));
}

#[test]
fn those_who_wait_hear_that_the_owner_failed_and_have_their_old_copy() {
    let cache = cache(30, 60);
    cache.answered(rendered("x"), 0);
    let first = cache.fetch(40);
    let (second, in_flight) = cache.wait(40);
    first.conclude(failed(Outcome::Failed), true, cache.at(40));
    let result = in_flight.result().expect("a result");
    assert!(matches!(result, SharedResult::Failed(..)));
    let answer = second.after_wait(result, cache.at(40)).expect("an old copy");
    assert_eq!((answer.outcome, answer.html), (Outcome::Stale, Some("x".into())));
}

#[test]
fn where_the_one_who_asks_goes_away_the_next_asks() {
    let cache = cache(30, 0);
    let first = cache.fetch(0);
    let (second, in_flight) = cache.wait(0);
    drop(first);
    assert!(in_flight.is_abandoned(), "the wait is over");
    drop(second);
    cache.fetch(0);
}

#[test]
fn one_who_asks_for_too_long_loses_its_place_but_not_its_answer() {
    let cache = cache(30, 0);
    let first = cache.fetch(0);
    let (_waits, in_flight) = cache.wait(9);
    let second = cache.fetch(10);
    first.conclude(rendered("x"), true, cache.at(11));
    assert!(matches!(in_flight.result(), Some(SharedResult::Answer(_))));
    assert!(cache.is_fresh(11));
    assert_eq!(cache.cache.lock().in_flight.len(), 1, "the other goes on");
    drop(second);
    assert!(cache.cache.lock().in_flight.is_empty());
}

#[test]
fn one_who_lost_its_place_takes_nobody_elses() {
    let cache = cache(30, 0);
    let first = cache.fetch(0);
    let _second = cache.fetch(10);
    drop(first);
    cache.wait(11);
}

#[test]
fn patience_is_each_visitors_own() {
    let cache = cache(30, 0);
    let first = cache.fetch(0);
    let (_second, in_flight) = cache.wait(0);
    first.conclude(failed(Outcome::Late), true, cache.at(1));
    assert!(in_flight.is_abandoned(), "it asks by itself");
}

#[test]
fn those_who_wait_for_an_answer_that_is_not_for_all_ask_by_themselves() {
    for (answer, is_for_everybody) in [
        (rendered("mine"), false),
        (stating(0), true),
        (failed(Outcome::Refused), true),
    ] {
        let cache = cache(30, 0);
        let first = cache.fetch(0);
        let (_second, in_flight) = cache.wait(0);
        first.conclude(answer, is_for_everybody, cache.at(0));
        assert!(matches!(in_flight.result(), Some(SharedResult::Private)));
    }
}

#[test]
fn nothing_is_left_of_what_was_under_way() {
    let cache = cache(30, 0);
    for answer in [
        failed(Outcome::Late),
        failed(Outcome::Failed),
        stating(0),
        rendered("x"),
    ] {
        cache.answered(answer, 0);
    }
    drop(cache.look_up(true, 100));
    assert!(cache.cache.lock().in_flight.is_empty());
}

#[test]
fn a_copy_that_is_too_large_is_not_kept() {
    let cache = cache(30, 60);
    let large = Answer {
        html: Some(Bytes::from(vec![b'x'; 1 << 20])),
        ..Answer::default()
    };
    cache.answered(large, 0);
    assert!(!cache.is_fresh(0));
}

#[test]
fn without_room_there_is_no_cache() {
    assert!(FragmentCache::new(0).is_none());
}

#[test]
fn times_that_no_clock_can_hold_keep_nothing() {
    let cache = cache(u64::MAX, u64::MAX);
    cache.answered(rendered("x"), 0);
    assert!(!cache.is_fresh(0));
}
