//! What operators state and drain decides which instances visitors get.

use super::*;

/// Active instances of the service `a`, each with its version, weight and paths; their ports are 1, 2 and so on. Then
/// what operators changed.
fn steered(instances: &[(i64, Option<u32>, &[&str])], changes: &[SteeringChange]) -> Snapshot {
    let mut registry = Registry::default();
    for (port, (version, weight, endpoints)) in (1..).zip(instances) {
        let registration = ActiveService {
            version: *version,
            weight: *weight,
            ..instance("a", port, endpoints).registration.clone()
        };
        let one = crate::registry::instance::check(registration, None, &Default::default()).expect("good");
        registry.apply(Event::Register(Arc::new(one)), Millis(0));
    }
    let mut view = registry.view();
    for change in changes {
        let next = view.steering.after(change).expect("a good change");
        view.steering = Arc::new(next.expect("a change"));
    }
    Snapshot::build(&view, &Snapshot::default())
}

fn drained(port: u16) -> SteeringChange {
    SteeringChange::DrainInstance {
        id: format!("http://10.0.0.1:{port}#0 a"),
        process: Some(0),
        leave: None,
    }
}

fn stated(weights: &[(&str, u32)]) -> SteeringChange {
    let weights = weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight));
    SteeringChange::Weights {
        service: "a".to_owned(),
        weights: weights.collect(),
    }
}

/// The ports that 200 visitors get for a path.
fn ports(snapshot: &Snapshot, key: Option<&str>) -> Vec<u16> {
    let service = snapshot.service("a").expect("registered");
    let chosen = |seed| {
        let choice = Choice {
            seed,
            ..choice(seed, key)
        };
        service.choose(choice, &[]).map(|one| one.registration.port)
    };
    let ports: std::collections::BTreeSet<u16> = (0..200).filter_map(chosen).collect();
    ports.into_iter().collect()
}

#[test]
fn visitors_get_what_is_neither_drained_nor_closed() {
    const X: &[&str] = &["/x"];
    let whole = SteeringChange::DrainService {
        service: "a".to_owned(),
        is_drained: true,
        leave: None,
    };
    for (what, instances, changes, expected) in [
        (
            "nothing is steered",
            vec![(1, None, X), (2, None, X)],
            vec![],
            vec![1, 2],
        ),
        (
            "one of a version",
            vec![(1, None, X), (1, None, X), (2, None, X)],
            vec![drained(1)],
            vec![2, 3],
        ),
        (
            "the only one of a version",
            vec![(1, None, X), (2, None, X)],
            vec![drained(2)],
            vec![1],
        ),
        (
            "all instances",
            vec![(1, None, X), (2, None, X)],
            vec![drained(1), drained(2)],
            vec![],
        ),
        (
            "the service",
            vec![(1, None, X), (2, None, X)],
            vec![whole.clone()],
            vec![],
        ),
        (
            "one that does not exist",
            vec![(1, None, X)],
            vec![drained(9)],
            vec![1],
        ),
        (
            "closed by an instance",
            vec![(1, None, X), (2, Some(0), X)],
            vec![],
            vec![1],
        ),
        (
            "closed by an operator",
            vec![(1, None, X), (2, None, X)],
            vec![stated(&[("2", 0)])],
            vec![1],
        ),
        (
            "opened by an operator",
            vec![(1, None, X), (2, Some(0), X)],
            vec![stated(&[("2", 5)])],
            vec![2],
        ),
        (
            "closed and alone",
            vec![(2, None, X)],
            vec![stated(&[("2", 0)])],
            vec![],
        ),
        (
            "no weight, and alone",
            vec![(3, None, X)],
            vec![stated(&[("2", 5)])],
            vec![1],
        ),
        (
            "the weighted one is drained",
            vec![(1, None, X), (2, None, X)],
            vec![stated(&[("2", 5)]), drained(2)],
            vec![1],
        ),
        (
            "only a closed one is left",
            vec![(1, None, X), (2, Some(0), X)],
            vec![drained(1)],
            vec![],
        ),
    ] {
        let snapshot = steered(&instances, &changes);
        assert_eq!(ports(&snapshot, Some("/x")), expected, "{what}");
        assert_eq!(ports(&snapshot, None), expected, "{what}");
        let service = snapshot.service("a").expect("registered");
        assert_eq!(service.is_open(), !expected.is_empty(), "{what}");
        assert_eq!(
            service.model(7, None, Millis(0)).is_some(),
            !expected.is_empty(),
            "{what}"
        );
    }
}

#[test]
fn a_version_that_cannot_be_reached_is_replaced_by_any_but_a_closed_one() {
    const X: &[&str] = &["/x"];
    for (weight, expected) in [(None, vec![2]), (Some(1), vec![2]), (Some(0), vec![])] {
        let snapshot = steered(&[(1, Some(5), X), (2, weight, X)], &[]);
        for _ in 0..5 {
            snapshot.service("a").expect("registered").active[0]
                .breaker
                .failed(Millis(0));
        }
        assert_eq!(ports(&snapshot, Some("/x")), expected, "{weight:?}");
    }
}

#[test]
fn a_path_of_a_closed_version_does_not_exist_for_visitors() {
    const OLD: &[&str] = &["/x"];
    const NEW: &[&str] = &["/new", "/x"];
    for (what, instances, changes, is_closed, expected) in [
        (
            "closed",
            vec![(1, None, OLD), (2, Some(0), NEW)],
            vec![],
            true,
            vec![],
        ),
        (
            "open",
            vec![(1, None, OLD), (2, None, NEW)],
            vec![],
            false,
            vec![2],
        ),
        (
            "without a share",
            vec![(1, Some(5), OLD), (2, None, NEW)],
            vec![],
            false,
            vec![2],
        ),
        (
            "drained",
            vec![(1, None, OLD), (2, None, NEW)],
            vec![drained(2)],
            false,
            vec![],
        ),
    ] {
        let snapshot = steered(&instances, &changes);
        let service = snapshot.service("a").expect("registered");
        assert_eq!(service.is_closed("/new"), is_closed, "{what}");
        assert!(!service.is_closed("/x"), "{what}");
        assert_eq!(ports(&snapshot, Some("/new")), expected, "{what}");
    }
}

#[test]
fn a_drain_moves_only_the_visitors_of_a_version_that_has_no_other_instance() {
    const X: &[&str] = &["/x"];
    let instances = [
        (1, Some(30), X),
        (2, Some(30), X),
        (2, Some(30), X),
        (3, Some(30), X),
    ];
    let version = |snapshot: &Snapshot, seed| {
        let choice = Choice {
            seed,
            ..choice(seed, Some("/x"))
        };
        let service = snapshot.service("a").expect("registered");
        let instance = service.choose(choice, &[]).expect("an instance");
        instance.registration.version
    };
    let (all, one, both) = (
        steered(&instances, &[]),
        steered(&instances, &[drained(2)]),
        steered(&instances, &[drained(2), drained(3)]),
    );
    for seed in 0..500 {
        let before = version(&all, seed);
        assert_eq!(version(&one, seed), before, "its version has another instance");
        let after = version(&both, seed);
        assert!(if before == 2 { after != 2 } else { after == before }, "{seed}");
    }
}

#[test]
fn a_preview_opens_its_version_for_its_visitor_and_for_no_path_that_it_lacks() {
    const X: &[&str] = &["/x"];
    const BOTH: &[&str] = &["/x", "/new"];
    let whole = SteeringChange::DrainService {
        service: "a".to_owned(),
        is_drained: true,
        leave: None,
    };
    let closed = || stated(&[("2", 0)]);
    for (what, instances, changes, preview, key, expected) in [
        (
            "closed by an operator",
            vec![(1, None, X), (2, None, X), (2, None, X)],
            vec![closed()],
            Some("2"),
            "/x",
            vec![2, 3],
        ),
        (
            "closed by itself",
            vec![(1, None, X), (2, Some(0), X)],
            vec![],
            Some("2"),
            "/x",
            vec![2],
        ),
        (
            "an old one",
            vec![(1, None, X), (2, Some(5), X)],
            vec![],
            Some("1"),
            "/x",
            vec![1],
        ),
        (
            "the only one, and closed",
            vec![(2, None, X)],
            vec![closed()],
            Some("2"),
            "/x",
            vec![1],
        ),
        (
            "a path that only it has",
            vec![(1, None, X), (2, None, BOTH)],
            vec![closed()],
            Some("2"),
            "/new",
            vec![2],
        ),
        (
            "a path that it lacks",
            vec![(1, None, BOTH), (2, None, X)],
            vec![closed()],
            Some("2"),
            "/new",
            vec![1],
        ),
        (
            "one that does not run",
            vec![(1, None, X), (2, None, X)],
            vec![closed()],
            Some("3"),
            "/x",
            vec![1],
        ),
        (
            "one that is drained",
            vec![(1, None, X), (2, None, X)],
            vec![closed(), drained(2)],
            Some("2"),
            "/x",
            vec![1],
        ),
        (
            "a drained service",
            vec![(1, None, X), (2, None, X)],
            vec![closed(), whole],
            Some("2"),
            "/x",
            vec![],
        ),
        (
            "no preview",
            vec![(1, None, X), (2, None, X)],
            vec![closed()],
            None,
            "/x",
            vec![1],
        ),
    ] {
        let snapshot = steered(&instances, &changes);
        let service = snapshot.service("a").expect("registered");
        let chosen = |seed| {
            let choice = Choice {
                seed,
                preview,
                ..choice(seed, Some(key))
            };
            service.choose(choice, &[]).map(|one| one.registration.port)
        };
        let ports: std::collections::BTreeSet<u16> = (0..50).filter_map(chosen).collect();
        assert_eq!(ports.into_iter().collect::<Vec<_>>(), expected, "{what}");
        let is_reached = service.is_opened_by(preview, key) || (service.is_open() && !service.is_closed(key));
        assert_eq!(is_reached, !expected.is_empty(), "{what}");
        let of_version = preview.filter(|version| service.has_preview(version));
        let model = service.model(7, preview, Millis(0));
        if let (Some(version), Some(model)) = (of_version, model) {
            assert_eq!(*model.version, *version, "{what}");
        }
    }
}

#[test]
fn a_preview_whose_instances_cannot_be_reached_is_not_replaced() {
    let snapshot = steered(&[(1, None, &["/x"]), (2, Some(0), &["/x"])], &[]);
    let service = snapshot.service("a").expect("registered");
    let choice = |preview| Choice {
        preview,
        ..choice(7, Some("/x"))
    };
    let previewed = service.choose(choice(Some("2")), &[]).expect("it runs");
    assert_eq!(previewed.registration.port, 2);
    assert!(service.choose(choice(Some("2")), &[previewed]).is_none());
    assert!(service.choose(choice(None), &[]).is_some());
}
