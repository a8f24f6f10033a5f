//! Which instance visitors stay with, without sockets.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::registry::{instance::breaker::Work, state::tests::instance, steering::SteeringChange};

const NOW: Millis = Millis(1_000);

fn key() -> PinKey {
    PinKey::new(b"the private key of the tests", "K")
}

fn instances(count: u16) -> Vec<Arc<Instance>> {
    (1..=count).map(|port| instance("shop", port, &["/"])).collect()
}

fn service(active: Vec<Arc<Instance>>, changes: &[SteeringChange]) -> Service {
    let steering = changes.iter().fold(Steering::default(), |state, change| {
        state.after(change).expect("a good change").unwrap_or(state)
    });
    let name = active[0].service.clone();
    Service::of(&name, active, &steering, UnixMillis(0))
}

fn choice(now: Millis) -> Choice<'static> {
    Choice {
        seed: 0,
        rotation: 0,
        key: Some("/"),
        work: Work::Request,
        preview: None,
        fragment_protocol: None,
        now,
    }
}

fn pin(bits: u64, instance: &Instance) -> Pin {
    Pin {
        bits,
        tag: key().tag(instance.id.as_str()),
    }
}

fn stays(service: &Service, pin: Pin, now: Millis) -> Option<(u16, PinOutcome)> {
    let (instance, outcome) = service.stay(Some(pin), choice(now), &[], &key())?;
    Some((instance.registration.port, outcome))
}

fn drain(instance: &Instance, leave: Option<i64>) -> SteeringChange {
    SteeringChange::DrainInstance {
        id: instance.id.as_str().to_owned(),
        process: Some(instance.registration.active_since),
        leave: leave.map(UnixMillis),
    }
}

/// A number that a seed and a count give.
fn random(seed: u64, count: u64) -> u64 {
    mixed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(count + 1))
}

/// So many new visitors, of whom some come back a few times. Returns how many each instance got.
fn visited(
    service: &Service,
    visitors: u64,
    seed: u64,
    comes_back: impl Fn(u64) -> bool,
) -> BTreeMap<u16, u64> {
    let mut counts = BTreeMap::new();
    for visitor in 0..visitors {
        let now = Millis(visitor * 10);
        let (instance, outcome) = service.stay(None, choice(now), &[], &key()).expect("an instance");
        assert_eq!(outcome, PinOutcome::New);
        *counts.entry(instance.registration.port).or_default() += 1;
        let bits = random(seed, visitor);
        if comes_back(bits) {
            instance.comebacks.add(bits, now);
        }
    }
    counts
}

#[test]
fn point_5_ten_thousand_new_visitors_are_spread_evenly_over_four_instances() {
    for seed in 1..=10 {
        for (what, comes_back) in [("none", 0_u64), ("all", 100)] {
            let service = service(instances(4), &[]);
            let counts = visited(&service, 10_000, seed, |bits| bits % 100 < comes_back);
            let is_even = counts.values().all(|count| (2_375..=2_625).contains(count));
            assert!(
                is_even && counts.len() == 4,
                "{what} of seed {seed} comes back: {counts:?}"
            );
        }
        // Where some are crawlers, the even share is that of the visitors.
        let service = service(instances(4), &[]);
        visited(&service, 10_000, seed, |bits| bits % 100 < 30);
        let back: Vec<u32> = service
            .active
            .iter()
            .map(|one| one.comebacks.count(Millis(99_990)))
            .collect();
        let even = back.iter().sum::<u32>() / 4;
        let is_even = back.iter().all(|count| count.abs_diff(even) * 20 <= even);
        assert!(is_even, "seed {seed}: {back:?}");
    }
}

#[test]
fn point_5_an_instance_that_is_new_gets_more_new_visitors_but_never_twice_its_even_share() {
    let active = instances(4);
    for one in &active[..3] {
        for bits in 0..1_000 {
            one.comebacks.add(random(7, bits), Millis(0));
        }
    }
    let service = service(active, &[]);
    for visitors in [4, 40, 400] {
        let before = service.active[3].comebacks.count(NOW);
        let counts = visited(&service, visitors, visitors, |_| false);
        assert_eq!(counts[&4], visitors / 2, "{counts:?}, after {before}");
    }
}

#[test]
fn point_5_crawlers_that_never_come_back_count_for_nothing() {
    let active = instances(2);
    for bits in 0..10 {
        active[0].comebacks.add(random(1, bits), NOW);
    }
    let service = service(active, &[]);
    let counts = visited(&service, 10, 3, |_| false);
    assert_eq!(counts, BTreeMap::from([(2, 10)]), "the one with fewer pins");
}

#[test]
fn point_5_among_equals_it_goes_by_turn_and_load_and_a_service_that_is_built_anew_goes_on() {
    let active = instances(3);
    let mut service = service(active.clone(), &[]);
    let mut ports = Vec::new();
    for _ in 0..6 {
        let next = service.next_newcomer(choice(NOW)).expect("an instance");
        let (found, _) = service.stay(None, choice(NOW), &[], &key()).expect("an instance");
        assert!(Arc::ptr_eq(&next, &found), "it was foreseen");
        ports.push(found.registration.port);
        let anew = Service::of(&service.name, active.clone(), &Steering::default(), UnixMillis(0));
        service = anew.after(&service);
    }
    assert_eq!(ports, [1, 2, 3, 1, 2, 3]);
    let _load = crate::registry::instance::load::Load::on(&active[0]);
    let counts = visited(&service, 2, 1, |_| false);
    assert_eq!(counts.get(&1), None, "it has a request under way");
}

#[test]
fn point_4_a_pin_ends_where_its_instance_is_gone_refused_or_unresponsive() {
    let active = instances(3);
    let all = service(active.clone(), &[]);
    let pin = pin(7, &active[1]);
    assert_eq!(stays(&all, pin, NOW), Some((2, PinOutcome::Kept)));
    let without = service(vec![Arc::clone(&active[0]), Arc::clone(&active[2])], &[]);
    let (to, outcome) = stays(&without, pin, NOW).expect("an instance");
    assert_eq!(outcome, PinOutcome::MovedInactive);
    let tried = [Arc::clone(&active[1])];
    let found = all
        .stay(Some(pin), choice(NOW), &tried, &key())
        .expect("an instance");
    assert_eq!(
        (found.0.registration.port, found.1),
        (to, PinOutcome::MovedRefused),
        "whatever the reason, the same instance is next"
    );
    let breaker = &active[1].breaker;
    for _ in 0..crate::limits::LATE_IN_A_ROW {
        breaker.ran_out_of_time(NOW);
    }
    assert_eq!(
        stays(&all, pin, NOW),
        Some((2, PinOutcome::Kept)),
        "late answers move no visitor"
    );
    breaker.failed(NOW);
    assert_eq!(stays(&all, pin, NOW), Some((to, PinOutcome::MovedTimeout)));
    breaker.succeeded();
    assert_eq!(stays(&all, pin, NOW), Some((2, PinOutcome::Kept)));
    for _ in 0..crate::limits::BREAKER_FAILURES {
        breaker.failed(NOW);
    }
    let later = Millis(NOW.0 + 3_600_000);
    assert!(breaker.is_due(later));
    assert_eq!(
        stays(&all, pin, later),
        Some((to, PinOutcome::MovedRefused)),
        "the trial is not for pinned visitors"
    );
    assert!(breaker.is_due(later));
}

#[test]
fn point_6_a_pin_ends_by_weight_only_where_an_operator_stated_0_and_more_for_another() {
    let versions = |list: [&str; 3]| -> Vec<Arc<Instance>> {
        let named = |(port, version): (u16, &str)| {
            let mut one = Arc::into_inner(instance("shop", port, &["/"])).expect("the only one");
            one.version = version.into();
            Arc::new(one)
        };
        (1..=3).zip(list).map(named).collect()
    };
    let active = versions(["1", "1", "2"]);
    let pin = pin(7, &active[0]);
    for (stated, expected) in [
        (&[][..], PinOutcome::Kept),
        (&[("1", 1), ("2", 99)], PinOutcome::Kept),
        (&[("2", 1)], PinOutcome::Kept),
        (&[("1", 0)], PinOutcome::Kept),
        (&[("1", 0), ("2", 0)], PinOutcome::Kept),
        (&[("1", 0), ("3", 1)], PinOutcome::Kept),
        (&[("1", 0), ("2", 1)], PinOutcome::MovedWeight),
        (&[("v1", 0), ("v2", 1)], PinOutcome::MovedWeight),
    ] {
        let weights = stated.iter().map(|(name, weight)| ((*name).to_owned(), *weight));
        let weights = SteeringChange::Weights {
            service: "shop".to_owned(),
            weights: weights.collect(),
        };
        let changes: &[SteeringChange] = if stated.is_empty() { &[] } else { &[weights] };
        let service = service(active.clone(), changes);
        let outcome = stays(&service, pin, NOW).map(|(_, outcome)| outcome);
        assert_eq!(outcome, Some(expected), "{stated:?}");
    }
}

#[test]
fn point_7_visitors_of_a_drained_instance_stay_until_their_time_is_over() {
    let active = instances(2);
    let pin = pin(7, &active[0]);
    for (leave, before, after) in [
        (None, PinOutcome::Kept, PinOutcome::Kept),
        (Some(5_000), PinOutcome::Kept, PinOutcome::MovedDrain),
        (Some(0), PinOutcome::MovedDrain, PinOutcome::MovedDrain),
    ] {
        let service = service(active.clone(), &[drain(&active[0], leave)]);
        let at = |now| stays(&service, pin, Millis(now)).map(|(_, outcome)| outcome);
        assert_eq!([at(4_999), at(5_000)], [Some(before), Some(after)], "{leave:?}");
        let new = visited(&service, 10, 1, |_| false);
        assert_eq!(new, BTreeMap::from([(2, 10)]), "no new visitors");
        assert_eq!(
            service.holds(pin, "/", Millis(4_999), &key()),
            before == PinOutcome::Kept
        );
    }
    let whole = SteeringChange::DrainService {
        service: "shop".to_owned(),
        is_drained: true,
        leave: Some(UnixMillis(5_000)),
    };
    let service = service(active, &[whole]);
    assert!(!service.is_open());
    assert_eq!(stays(&service, pin, NOW), Some((1, PinOutcome::Kept)));
    assert_eq!(
        stays(&service, pin, Millis(5_000)),
        None,
        "no other instance is left"
    );
    assert!(service.stay(None, choice(NOW), &[], &key()).is_none());
}

proptest! {
    /// Visitors of what went away go to the same instance whatever the load, and the others stay.
    #[test]
    fn point_4_only_visitors_of_what_went_away_move(count in 2_u16..6, gone in 0_u16..6, all in prop::collection::vec(any::<u64>(), 1..50)) {
        let active = instances(count);
        let gone = usize::from(gone % count);
        let before = service(active.clone(), &[]);
        let left: Vec<_> = active.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, one)| Arc::clone(one)).collect();
        let after = service(left, &[]);
        for (nth, bits) in all.into_iter().enumerate() {
            let of = &active[nth % active.len()];
            let pin = pin(bits, of);
            let port = of.registration.port;
            prop_assert_eq!(stays(&before, pin, NOW), Some((port, PinOutcome::Kept)));
            let (moved_to, outcome) = stays(&after, pin, NOW).expect("an instance");
            if nth % active.len() == gone {
                prop_assert_eq!(outcome, PinOutcome::MovedInactive);
                let again = Pin { tag: key().tag(active[usize::from(moved_to - 1)].id.as_str()), ..pin };
                prop_assert_eq!(stays(&after, again, NOW), Some((moved_to, PinOutcome::Kept)));
                // The instance comes back, and its former visitors stay where they are.
                prop_assert_eq!(stays(&before, again, NOW), Some((moved_to, PinOutcome::Kept)));
            } else {
                prop_assert_eq!((moved_to, outcome), (port, PinOutcome::Kept));
            }
        }
    }
}
