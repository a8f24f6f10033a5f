use super::*;
use crate::{limits::MAX_STATED_VERSIONS, stated_weights::SharingRule};

fn weights(list: &[(&str, u32)]) -> StatedWeights {
    list.iter()
        .map(|(name, weight)| ((*name).to_owned(), *weight))
        .collect()
}

fn state(service: &str, list: &[(&str, u32)]) -> SteeringChange {
    SteeringChange::Weights {
        service: service.to_owned(),
        weights: weights(list),
    }
}

fn drain(id: &str, is_drained: bool) -> SteeringChange {
    SteeringChange::DrainInstance {
        id: id.to_owned(),
        process: is_drained.then_some(7),
        leave: None,
    }
}

fn after(changes: &[SteeringChange]) -> Steering {
    changes.iter().fold(Steering::default(), |state, change| {
        state.after(change).expect("a good change").unwrap_or(state)
    })
}

#[test]
fn each_change_that_changes_something_makes_a_newer_state() {
    let service = || "shop".to_owned();
    let steering = after(&[
        state("shop", &[("2.4.1", 10), ("2.4.0", 90)]),
        state("shop", &[("2.4.1", 20)]),
        state("shop", &[("2.4.1", 20)]),
        drain("http://a:1#0 shop", true),
        SteeringChange::DrainService {
            service: service(),
            is_drained: true,
            leave: None,
        },
    ]);
    assert_eq!(steering.revision(), 4, "one of the five changed nothing");
    assert_eq!(
        steering.weights("shop"),
        Some(&weights(&[("2.4.1", 20)])),
        "all are replaced"
    );
    assert!(steering.is_service_drained("shop") && steering.is_instance_drained("http://a:1#0 shop", 7));
    assert!(!steering.is_service_drained("blog") && !steering.is_instance_drained("http://a:2#0 shop", 7));
    assert_eq!(Steering::read(&steering.text()), Ok(steering.clone()));
    let newest = SteeringChange::Weights {
        service: service(),
        weights: StatedWeights::Rule(SharingRule::Newest),
    };
    let newest = steering.after(&newest).expect("a good change").expect("a change");
    assert!(
        newest.text().contains(r#""weights":{"shop":"newest"}"#),
        "{newest:?}"
    );
    assert_eq!(Steering::read(&newest.text()), Ok(newest));
    let ended = [
        SteeringChange::ClearWeights { service: service() },
        drain("http://a:1#0 shop", false),
        SteeringChange::DrainService {
            service: service(),
            is_drained: false,
            leave: None,
        },
    ];
    let ended = ended.iter().fold(steering, |state, change| {
        state.after(change).expect("a good change").expect("a change")
    });
    assert_eq!(
        ended,
        Steering {
            revision: 7,
            ..Steering::default()
        }
    );
    let nothing = SteeringChange::ClearWeights { service: service() };
    assert_eq!(ended.after(&nothing), Ok(None));
}

#[test]
fn bad_weights_are_refused() {
    let many: Vec<String> = (0..=MAX_STATED_VERSIONS).map(|n| n.to_string()).collect();
    let many: Vec<(&str, u32)> = many.iter().map(|name| (name.as_str(), 1)).collect();
    let long = "x".repeat(65);
    for (service, list, expected) in [
        ("shop", vec![], BadWeights::Missing),
        ("shop", vec![("", 1)], BadWeights::VersionName(String::new())),
        ("shop", vec![("-x", 1)], BadWeights::VersionName("-x".into())),
        ("shop", vec![("a b", 1)], BadWeights::VersionName("a b".into())),
        ("shop", vec![("a=b", 1)], BadWeights::VersionName("a=b".into())),
        ("shop", vec![("a@b", 1)], BadWeights::VersionName("a@b".into())),
        ("shop", vec![("é", 1)], BadWeights::VersionName("é".into())),
        (
            "shop",
            vec![(long.as_str(), 1)],
            BadWeights::VersionName(long.clone()),
        ),
        ("a/b", vec![("1", 1)], BadWeights::ServiceName("a/b".into())),
        ("", vec![("1", 1)], BadWeights::ServiceName(String::new())),
        ("shop", many, BadWeights::TooMany),
    ] {
        assert_eq!(
            Steering::default().after(&state(service, &list)),
            Err(expected.into()),
            "{service:?} {list:?}"
        );
    }
    for good in [
        "1",
        "-3",
        "2.4.1",
        "2.5.0-rc1",
        "1.0+build.7",
        "3f2a9c1",
        "v2",
        &long[..64],
    ] {
        let is_good = Steering::default().after(&state("shop", &[(good, 0)])).is_ok();
        assert!(is_good, "{good}");
    }
}

#[test]
fn the_state_is_bounded_and_can_always_shrink() {
    let mut steering = Steering::default();
    let mut count = 0;
    let refused = loop {
        match steering.after(&drain(
            &format!("http://host{count}:1#0 {}", "x".repeat(80)),
            true,
        )) {
            Ok(next) => steering = next.expect("a change"),
            Err(refused) => break refused,
        }
        count += 1;
        assert!(count < 10_000, "it is never full");
    };
    assert_eq!(refused, BadSteering::Full);
    assert!(steering.text().len() <= MAX_STEERING_BYTES);
    let first = format!("http://host0:1#0 {}", "x".repeat(80));
    let less = steering
        .after(&drain(&first, false))
        .expect("it shrinks")
        .expect("a change");
    assert!(less.text().len() < steering.text().len());
}

#[test]
fn the_configuration_counts_for_services_that_nobody_steered() {
    let configured = [("shop", [("1", 1)]), ("blog", [("1", 2)])];
    let configured: WeightTable = configured
        .iter()
        .map(|(service, list)| ((*service).to_owned(), weights(list)))
        .collect();
    let steering = after(&[state("shop", &[("2", 5)])]);
    let all = steering.over(&configured);
    assert_eq!(all.weights("shop"), Some(&weights(&[("2", 5)])));
    assert_eq!(all.weights("blog"), Some(&weights(&[("1", 2)])));
    assert_eq!(all.services().collect::<Vec<_>>(), ["blog", "shop"]);
    assert_eq!(all.weights("other"), None);
}

#[test]
fn a_text_that_no_gateway_wrote_is_refused() {
    let long = format!("{{\"revision\":1{}}}", " ".repeat(MAX_STEERING_BYTES));
    for wrong in [
        "",
        "[]x",
        "7",
        "{\"revision\":-1}",
        "{\"weights\":{\"shop\":{\"a b\":1}}}",
        "{\"weights\":{\"shop\":{}}}",
        "{\"weights\":{\"a/b\":{\"1\":1}}}",
        "{\"weights\":{\"shop\":{\"1\":-1}}}",
        &long,
    ] {
        assert!(Steering::read(wrong).is_err(), "{wrong:.60}");
    }
    assert_eq!(Steering::read("{}"), Ok(Steering::default()));
}

#[test]
fn a_drain_is_that_of_one_process_and_a_later_one_ends_it() {
    let id = "http://a:1#0 shop";
    let forget = |process| SteeringChange::ForgetProcess {
        id: id.to_owned(),
        process,
    };
    let steering = after(&[drain(id, true)]);
    for (process, is_drained) in [(7, true), (8, false), (6, false), (0, false)] {
        assert_eq!(steering.is_instance_drained(id, process), is_drained, "{process}");
    }
    assert_eq!(
        steering.after(&forget(6)),
        Ok(None),
        "it is about another process"
    );
    let over = after(&[drain(id, true), forget(7)]);
    assert_eq!(over.drained_instances().next(), None);
    assert_eq!(over.after(&forget(7)), Ok(None));
}
