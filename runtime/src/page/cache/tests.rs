#![allow(clippy::disallowed_methods, reason = "a moment to count from")]

use serde_json::json;

use super::*;

struct Desk {
    reuse: Arc<Reuse>,
    start: Instant,
    terms: Terms,
}

/// Seconds of `cache` and `stale`.
fn desk(cache: u64, stale: u64) -> Desk {
    Desk {
        reuse: Reuse::new(1 << 20).expect("room"),
        start: Instant::now(),
        terms: Terms {
            cache: Duration::from_secs(cache),
            stale: Duration::from_secs(stale),
        },
    }
}

impl Desk {
    fn at(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    fn look(&self, may_wait: bool, seconds: u64) -> Look {
        let imports = Attributes::new();
        let wanted = Wanted {
            service: "s",
            reference: "f",
            imports: &imports,
            exports: &["a".into()],
            everybody: Everybody::default(),
            terms: self.terms,
        };
        let until = may_wait.then(|| self.at(seconds + 10));
        self.reuse.look(&wanted, until, self.at(seconds))
    }

    fn ask(&self, seconds: u64) -> Held {
        match self.look(true, seconds) {
            Look::Ask(held) => held,
            Look::Fresh(_) => panic!("it is kept"),
            Look::Wait(..) => panic!("it waits"),
        }
    }

    /// What is shown where the owner answers so.
    fn answered(&self, answer: Answer, seconds: u64) -> (Outcome, Option<Bytes>) {
        let answer = self.ask(seconds).conclude(answer, true, self.at(seconds));
        (answer.outcome, answer.html)
    }

    fn is_fresh(&self, seconds: u64) -> bool {
        matches!(self.look(false, seconds), Look::Fresh(_))
    }

    fn wait(&self, seconds: u64) -> (Held, watch::Receiver<Option<Landing>>) {
        match self.look(true, seconds) {
            Look::Wait(held, flight) => (held, flight.landing),
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
    let desk = desk(30, 0);
    desk.answered(rendered("x"), 0);
    let Look::Fresh(answer) = desk.look(true, 29) else {
        panic!("it is not kept");
    };
    assert_eq!((answer.outcome, answer.html), (Outcome::Cached, Some("x".into())));
    assert_eq!(answer.max_age, Some(1_000));
    assert!(!desk.is_fresh(30));
}

#[test]
fn exports_that_were_not_asked_for_are_not_kept() {
    let desk = desk(30, 0);
    desk.answered(rendered("x"), 0);
    let Look::Fresh(answer) = desk.look(true, 1) else {
        panic!("it is not kept");
    };
    assert_eq!(answer.exports.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn the_owner_may_shorten_the_time_and_forbid_it_but_not_lengthen_it() {
    for (stated, fresh_until) in [(0, 0), (5_000, 5), (90_000, 30)] {
        let desk = desk(30, 0);
        desk.answered(stating(stated), 0);
        let until = (0..=100).find(|&seconds| !desk.is_fresh(seconds));
        assert_eq!(until, Some(fresh_until), "{stated}");
    }
}

#[test]
fn an_old_copy_serves_where_the_owner_gives_none_and_no_longer_than_the_tag_says() {
    for outcome in [Outcome::Failed, Outcome::Inactive, Outcome::Late] {
        let desk = desk(30, 60);
        desk.answered(rendered("x"), 0);
        assert_eq!(
            desk.answered(failed(outcome), 89),
            (Outcome::Stale, Some("x".into())),
            "{outcome:?}"
        );
        assert_eq!(desk.answered(failed(outcome), 90), (outcome, None));
    }
}

#[test]
fn an_old_copy_is_not_for_those_whom_the_owner_refuses() {
    let desk = desk(30, 60);
    desk.answered(rendered("x"), 0);
    assert_eq!(
        desk.answered(failed(Outcome::Refused), 40),
        (Outcome::Refused, None)
    );
}

#[test]
fn stale_without_cache_asks_each_time_and_nobody_waits() {
    let desk = desk(0, 60);
    desk.answered(rendered("x"), 0);
    let _under_way = desk.ask(1);
    assert_eq!(
        desk.answered(failed(Outcome::Failed), 1),
        (Outcome::Stale, Some("x".into()))
    );
}

#[test]
fn a_new_answer_takes_the_place_of_an_old_one() {
    let desk = desk(30, 60);
    desk.answered(rendered("x"), 0);
    desk.answered(rendered("y"), 40);
    assert_eq!(
        desk.answered(failed(Outcome::Failed), 71),
        (Outcome::Stale, Some("y".into()))
    );
}

#[test]
fn an_answer_for_one_visitor_is_not_kept_and_nobody_waits_for_the_next() {
    let desk = desk(30, 60);
    desk.ask(0).conclude(rendered("mine"), false, desk.at(0));
    assert!(!desk.is_fresh(0));
    let _one = desk.ask(1);
    let _another = desk.ask(1);
    // After a while it may have become one for all.
    drop((_one, _another));
    let _one = desk.ask(31);
    desk.wait(31);
}

#[test]
fn an_answer_that_may_not_be_kept_leaves_the_old_copy_for_bad_times() {
    let desk = desk(30, 60);
    desk.answered(rendered("x"), 0);
    desk.answered(stating(0), 40);
    assert!(!desk.is_fresh(40));
    assert_eq!(
        desk.answered(failed(Outcome::Late), 50),
        (Outcome::Stale, Some("x".into()))
    );
}

#[test]
fn an_answer_for_a_moment_is_shared_but_leaves_the_old_copy_for_bad_times() {
    let desk = desk(30, 60);
    desk.answered(rendered("whole"), 0);
    let first = desk.ask(40);
    let (_second, flight) = desk.wait(40);
    let moment = Answer {
        max_age: Some(MOMENT),
        ..rendered("part")
    };
    first.conclude(moment.clone(), true, desk.at(40));
    assert!(matches!(*flight.borrow(), Some(Landing::Kept(_))));
    assert!(desk.is_fresh(40) && !desk.is_fresh(41));
    let (third, _) = (desk.ask(41), desk.wait(41));
    drop(third);
    let failed = |seconds| desk.answered(failed(Outcome::Failed), seconds);
    assert_eq!(failed(50), (Outcome::Stale, Some("whole".into())));
    // Better than nothing.
    desk.answered(moment, 90);
    assert_eq!(failed(91), (Outcome::Stale, Some("part".into())));
}

#[test]
fn what_both_copies_take_is_counted() {
    let copy = |html: &'static str| {
        Some(Arc::new(KeptAnswer {
            html: Bytes::from_static(html.as_bytes()),
            exports: Attributes::new(),
            assets: Box::default(),
            born: Instant::now(),
            max_age: None,
        }))
    };
    let (short, long) = (copy("x"), copy("four"));
    let known = |kept: &Option<Arc<KeptAnswer>>, lasting: &Option<Arc<KeptAnswer>>| Known {
        kept: kept.clone(),
        lasting: lasting.clone(),
        ..Known::default()
    };
    assert_eq!(known(&short, &short).size(), 1);
    assert_eq!(known(&short, &long).size(), 5);
    assert_eq!(Known::default().size(), 0);
}

#[test]
fn an_answer_that_comes_late_is_kept_for_the_next() {
    let desk = desk(30, 0);
    let first = desk.ask(0);
    let (_second, flight) = desk.wait(0);
    let (shown, rest) = first.late(failed(Outcome::Late), desk.at(0));
    assert_eq!(shown.outcome, Outcome::Late);
    assert!(flight.has_changed().is_err(), "nobody waits for it");
    rest.conclude(rendered("x"), true, desk.at(5));
    assert!(desk.is_fresh(5));
}

#[test]
fn one_asks_and_the_others_wait_for_its_answer() {
    let desk = desk(30, 0);
    let first = desk.ask(0);
    let (second, flight) = desk.wait(0);
    assert!(flight.borrow().is_none());
    first.conclude(rendered("x"), true, desk.at(0));
    let Some(Landing::Kept(kept)) = flight.borrow().clone() else {
        panic!("it is not for others");
    };
    let answer = second.same(&kept, desk.at(0));
    assert_eq!((answer.outcome, answer.html), (Outcome::Cached, Some("x".into())));
    assert!(desk.is_fresh(0));
}

#[test]
fn those_who_wait_hear_that_the_owner_failed_and_have_their_old_copy() {
    let desk = desk(30, 60);
    desk.answered(rendered("x"), 0);
    let first = desk.ask(40);
    let (second, flight) = desk.wait(40);
    first.conclude(failed(Outcome::Failed), true, desk.at(40));
    let Some(Landing::Failed(outcome, reason)) = flight.borrow().clone() else {
        panic!("it did not fail");
    };
    let answer = Answer {
        outcome,
        reason,
        ..Answer::default()
    };
    let answer = second.conclude(answer, true, desk.at(40));
    assert_eq!((answer.outcome, answer.html), (Outcome::Stale, Some("x".into())));
}

#[test]
fn where_the_one_who_asks_goes_away_the_next_asks() {
    let desk = desk(30, 0);
    let first = desk.ask(0);
    let (second, flight) = desk.wait(0);
    drop(first);
    assert!(flight.has_changed().is_err(), "the wait is over");
    drop(second);
    desk.ask(0);
}

#[test]
fn one_who_asks_for_too_long_loses_its_place_but_not_its_answer() {
    let desk = desk(30, 0);
    let first = desk.ask(0);
    let (_waits, flight) = desk.wait(9);
    let second = desk.ask(10);
    first.conclude(rendered("x"), true, desk.at(11));
    assert!(matches!(*flight.borrow(), Some(Landing::Kept(_))));
    assert!(desk.is_fresh(11));
    assert_eq!(desk.reuse.lock().flights.len(), 1, "the other goes on");
    drop(second);
    assert!(desk.reuse.lock().flights.is_empty());
}

#[test]
fn one_who_lost_its_place_takes_nobody_elses() {
    let desk = desk(30, 0);
    let first = desk.ask(0);
    let _second = desk.ask(10);
    drop(first);
    desk.wait(11);
}

#[test]
fn patience_is_each_visitors_own() {
    let desk = desk(30, 0);
    let first = desk.ask(0);
    let (_second, flight) = desk.wait(0);
    first.conclude(failed(Outcome::Late), true, desk.at(1));
    assert!(flight.has_changed().is_err(), "it asks by itself");
}

#[test]
fn those_who_wait_for_an_answer_that_is_not_for_all_ask_by_themselves() {
    for (answer, is_for_everybody) in [
        (rendered("mine"), false),
        (stating(0), true),
        (failed(Outcome::Refused), true),
    ] {
        let desk = desk(30, 0);
        let first = desk.ask(0);
        let (_second, flight) = desk.wait(0);
        first.conclude(answer, is_for_everybody, desk.at(0));
        assert!(matches!(*flight.borrow(), Some(Landing::Alone)));
    }
}

#[test]
fn nothing_is_left_of_what_was_under_way() {
    let desk = desk(30, 0);
    for answer in [
        failed(Outcome::Late),
        failed(Outcome::Failed),
        stating(0),
        rendered("x"),
    ] {
        desk.answered(answer, 0);
    }
    drop(desk.look(true, 100));
    assert!(desk.reuse.lock().flights.is_empty());
}

#[test]
fn a_copy_that_is_too_large_is_not_kept() {
    let desk = desk(30, 60);
    let large = Answer {
        html: Some(Bytes::from(vec![b'x'; 1 << 20])),
        ..Answer::default()
    };
    desk.answered(large, 0);
    assert!(!desk.is_fresh(0));
}

#[test]
fn without_room_there_is_no_cache() {
    assert!(Reuse::new(0).is_none());
}

#[test]
fn times_that_no_clock_can_hold_keep_nothing() {
    let desk = desk(u64::MAX, u64::MAX);
    desk.answered(rendered("x"), 0);
    assert!(!desk.is_fresh(0));
}
