//! The snapshot always equals a fresh rebuild, and the first to claim a path keeps it.

use std::sync::atomic::Ordering::Relaxed;

use hydra_runtime_wire::{
    names::ServiceName,
    routes::{RouteKind, RouteMatch},
};
use proptest::prelude::*;

use super::*;
use crate::{
    Millis,
    registry::{
        instance::breaker::Work,
        state::{Event, Registry, tests::instance},
        steering::SteeringChange,
    },
};

mod steering;

fn register(registry: &mut Registry, name: &str, port: u16, endpoints: &[&str]) {
    registry.apply(Event::Register(instance(name, port, endpoints)), Millis(0));
}

fn holder(registry: &Registry, path: &str) -> Option<String> {
    let snapshot = Snapshot::build(&registry.view(), &Snapshot::default());
    match snapshot.table().find(path) {
        RouteMatch::Route(route) => Some(route.service.to_string()),
        _ => None,
    }
}

#[test]
fn the_first_service_keeps_a_path_while_it_is_registered() {
    let mut registry = Registry::default();
    register(&mut registry, "zoo", 1, &["/x/{id}"]);
    register(&mut registry, "ant", 2, &["/x/{other}", "/y"]);
    // A second instance of the holder inherits the claim, so losing the first changes nothing.
    registry.apply(Event::Tick, Millis(1));
    registry.apply(Event::Register(instance("zoo", 3, &["/x/*"])), Millis(400_000));
    registry.apply(
        Event::Register(instance("ant", 2, &["/x/{other}", "/y"])),
        Millis(699_000),
    );
    registry.apply(Event::Tick, Millis(700_000));
    assert_eq!(
        registry.view().entries.len(),
        2,
        "the first instance is forgotten"
    );
    assert_eq!(holder(&registry, "/x/1").as_deref(), Some("zoo"));
    let snapshot = Snapshot::build(&registry.view(), &Snapshot::default());
    let left_out = snapshot.conflicts("ant");
    assert_eq!(left_out.len(), 1);
    assert_eq!(left_out[0].path, "/x/{other}");
    assert!(left_out[0].reason.contains("`zoo`"));
    assert_eq!(snapshot.by_name()["ant"][0].left_out, left_out);
    // A path that is claimed later does not profit from the instance's age.
    registry.apply(
        Event::Register(instance("zoo", 3, &["/x/*", "/y"])),
        Millis(700_001),
    );
    assert_eq!(holder(&registry, "/y").as_deref(), Some("ant"));
    // When the holder is gone, the other one gets the path.
    registry.apply(
        Event::Register(instance("ant", 2, &["/x/{other}"])),
        Millis(1_300_001),
    );
    registry.apply(Event::Tick, Millis(1_300_002));
    assert_eq!(holder(&registry, "/x/1").as_deref(), Some("ant"));
}

#[test]
fn an_inactive_service_keeps_its_routes_and_leaves_the_overview() {
    let mut registry = Registry::default();
    register(&mut registry, "a", 1, &["/x"]);
    let before = Snapshot::build(&registry.view(), &Snapshot::default());
    registry.apply(Event::Tick, Millis(5_001));
    let after = Snapshot::build(&registry.view(), &before);
    assert!(Arc::ptr_eq(&before.routes, &after.routes), "no path came or went");
    assert_ne!(before.hash, after.hash);
    assert!(matches!(after.table().find("/x"), RouteMatch::Route(_)));
    assert!(
        after
            .service("a")
            .is_some_and(|service| service.active.is_empty())
    );
    assert!(after.overview().is_empty() && after.by_name().is_empty());
}

fn choice(rotation: u64, key: Option<&str>) -> Choice<'_> {
    Choice {
        seed: 0,
        rotation,
        key,
        work: Work::Request,
        preview: None,
        fragment_protocol: None,
        now: Millis(0),
    }
}

#[test]
fn load_is_spread_and_broken_instances_are_left_alone() {
    let mut registry = Registry::default();
    for port in 1..=3 {
        register(&mut registry, "a", port, &["/x"]);
    }
    let snapshot = Snapshot::build(&registry.view(), &Snapshot::default());
    let service = snapshot.service("a").expect("registered");
    let chosen = |turn| {
        service
            .choose(choice(turn, None), &[])
            .map(|one| one.registration.port)
    };
    assert_eq!([chosen(0), chosen(1), chosen(2)], [Some(1), Some(2), Some(3)]);
    for _ in 0..5 {
        service.active[1].breaker.failed(Millis(0));
    }
    assert_eq!([chosen(0), chosen(1), chosen(2)], [Some(1), Some(3), Some(3)]);
    let tried = [Arc::clone(&service.active[0]), Arc::clone(&service.active[2])];
    assert!(
        service.choose(choice(0, None), &tried).is_none(),
        "the breaker is open"
    );
}

#[test]
fn open_sockets_keep_no_page_away() {
    let mut registry = Registry::default();
    for port in 1..=2 {
        register(&mut registry, "a", port, &["/x"]);
    }
    let snapshot = Snapshot::build(&registry.view(), &Snapshot::default());
    let service = snapshot.service("a").expect("registered");
    let count = |at: usize, work| service.active[at].breaker.count(work);
    count(0, Work::Socket).store(500, Relaxed);
    let chosen = |turn, work| {
        let choice = Choice {
            work,
            ..choice(turn, None)
        };
        service.choose(choice, &[]).map(|one| one.registration.port)
    };
    assert_eq!([0, 1].map(|turn| chosen(turn, Work::Request)), [Some(1), Some(2)]);
    assert_eq!([0, 1].map(|turn| chosen(turn, Work::Socket)), [Some(2), Some(2)]);
    count(1, Work::Request).store(3, Relaxed);
    assert_eq!([0, 1].map(|turn| chosen(turn, Work::Request)), [Some(1), Some(1)]);
}

#[test]
fn no_request_is_the_probe_of_an_instance_beside_a_healthy_neighbour() {
    let mut registry = Registry::default();
    for port in 1..=2 {
        register(&mut registry, "a", port, &["/x"]);
    }
    let snapshot = Snapshot::build(&registry.view(), &Snapshot::default());
    let service = snapshot.service("a").expect("registered");
    let [ill, other] = [&service.active[0], &service.active[1]];
    let chosen = |now| {
        let choice = Choice {
            now: Millis(now),
            ..choice(0, None)
        };
        service.choose(choice, &[]).map(|one| one.registration.port)
    };
    for _ in 0..5 {
        ill.breaker.failed(Millis(0));
        assert_eq!(chosen(0), Some(2), "from the first failure on");
    }
    assert_eq!([chosen(499), chosen(10_000)], [Some(2), Some(2)]);
    ill.breaker.succeeded();
    assert_eq!(chosen(10_001), Some(1));
    for _ in 0..5 {
        ill.breaker.failed(Millis(20_000));
        other.breaker.failed(Millis(20_000));
    }
    assert_eq!(chosen(20_001), None, "both are away");
    assert_eq!(
        [chosen(29_000), chosen(29_000), chosen(29_000)],
        [Some(1), Some(2), None],
        "one request is the probe"
    );
}

#[test]
fn a_path_goes_to_the_instances_that_serve_it() {
    let mut registry = Registry::default();
    register(&mut registry, "a", 1, &["/old"]);
    register(&mut registry, "a", 2, &["/old", "/new"]);
    let snapshot = Snapshot::build(&registry.view(), &Snapshot::default());
    let service = snapshot.service("a").expect("registered");
    for turn in 0..4 {
        let chosen = service
            .choose(choice(turn, Some("/new")), &[])
            .map(|one| one.registration.port);
        assert_eq!(chosen, Some(2));
    }
}

#[test]
fn a_visitors_version_gets_every_path_that_it_serves() {
    let mut registry = Registry::default();
    for (version, endpoints) in [(1, vec!["/x"]), (2, vec!["/x", "/y"]), (3, vec!["/y"])] {
        let registration = hydra_runtime_wire::ActiveService {
            version,
            ..instance("a", 1, &endpoints).registration.clone()
        };
        let registration = hydra_runtime_wire::ActiveService {
            port: u16::try_from(version).expect("small"),
            ..registration
        };
        let one = crate::registry::instance::check(registration, None, &Default::default()).expect("good");
        registry.apply(Event::Register(Arc::new(one)), Millis(0));
    }
    let snapshot = Snapshot::build(&registry.view(), &Snapshot::default());
    assert!(snapshot.is_split());
    let service = snapshot.service("a").expect("registered");
    let version = |seed, key| {
        let choice = Choice {
            seed,
            ..choice(seed, key)
        };
        service
            .choose(choice, &[])
            .expect("an instance")
            .registration
            .version
    };
    for seed in 0..100 {
        let own = version(seed, None);
        let (x, y) = (version(seed, Some("/x")), version(seed, Some("/y")));
        assert_eq!(x, if own == 3 { x.min(2) } else { own });
        assert_eq!(y, if own == 1 { y.max(2) } else { own });
    }
}

#[test]
fn a_path_that_the_newest_version_lacks_is_shared_by_the_others() {
    let shared = |paths: [&[&str]; 3]| {
        let mut registry = Registry::default();
        for ((version, port), endpoints) in [(1, 1), (2, 2), (3, 3)].into_iter().zip(paths) {
            let registration = hydra_runtime_wire::ActiveService {
                version,
                awakening: (version == 3).then(|| "NEWEST_VERSION_WINS".to_owned()),
                ..instance("a", port, endpoints).registration.clone()
            };
            let one =
                crate::registry::instance::check(registration, None, &Default::default()).expect("good");
            registry.apply(Event::Register(Arc::new(one)), Millis(0));
        }
        Snapshot::build(&registry.view(), &Snapshot::default())
    };
    let snapshot = shared([&["/old"], &["/old"], &["/new"]]);
    assert!(snapshot.is_split(), "a visitor's number decides");
    let service = snapshot.service("a").expect("registered");
    let versions: std::collections::BTreeSet<_> = (0..100)
        .filter_map(|seed| {
            let choice = Choice {
                seed,
                ..choice(0, Some("/old"))
            };
            service.choose(choice, &[]).map(|one| one.registration.version)
        })
        .collect();
    assert_eq!(versions.into_iter().collect::<Vec<_>>(), [1, 2]);
    assert!(
        !shared([&["/x"], &["/x"], &["/x"]]).is_split(),
        "the newest gets all"
    );
}

/// Where a path leads, and by which claim. Whatever the numbers of services are, a route leads to its own.
fn led_to(snapshot: &Snapshot, path: &str) -> Option<(ServiceName, RouteKind, Arc<str>, u64)> {
    let RouteMatch::Route(route) = snapshot.table().find(path) else {
        return None;
    };
    let holder = snapshot.holder(route).expect("a route has a service");
    assert_eq!(*holder.name, *route.service);
    Some((
        holder.name.clone(),
        route.kind,
        Arc::clone(&route.key),
        route.claim,
    ))
}

proptest! {
    #[test]
    fn a_snapshot_equals_a_fresh_rebuild(
        steps in proptest::collection::vec((0_u16..5, 0_usize..6, 0_u64..700_000, any::<bool>()), 0..40),
    ) {
        const NAMES: [&str; 5] = ["even", "odd", "even", "odd", "another"];
        const PATHS: [&[&str]; 6] = [
            &["/x"],
            &["/x", "/y/{id}"],
            &["/y/*", "/z/**"],
            &[],
            &["/{any}/end", "/y/a*", "/", "/**"],
            &["/z/a/b", "/*/{end}", "/y/ab*", "/z/{b}/c"],
        ];
        let (mut registry, mut now) = (Registry::default(), 0);
        let mut snapshot = Snapshot::default();
        for (port, paths, pause, registers) in steps {
            now += pause;
            if registers {
                let name = NAMES[usize::from(port)];
                registry.apply(Event::Register(instance(name, port + 1, PATHS[paths])), Millis(now));
            }
            registry.apply(Event::Tick, Millis(now));
            snapshot = Snapshot::build(&registry.view(), &snapshot);
            let fresh = Snapshot::build(&registry.view(), &Snapshot::default());
            prop_assert_eq!(&snapshot.hash, &fresh.hash);
            prop_assert_eq!(snapshot.by_name(), fresh.by_name());
            for name in NAMES {
                prop_assert_eq!(snapshot.conflicts(name), fresh.conflicts(name));
            }
            for path in ["/x", "/y/1", "/y/ab", "/z/1/2", "/z/a/b", "/z/b/c", "/q/end", "/q/r", "/", "/even/socket", "/odd/socket"] {
                prop_assert_eq!(led_to(&snapshot, path), led_to(&fresh, path));
            }
        }
    }
}

#[test]
fn a_silent_instance_is_still_known() {
    let mut registry = Registry::default();
    register(&mut registry, "a", 1, &[]);
    registry.apply(Event::Tick, Millis(10_000));
    let snapshot = Snapshot::build(&registry.view(), &Snapshot::default());
    let service = snapshot.service("a").expect("registered");
    assert!(service.active.is_empty());
}
