//! No instance outlives its silence, none dies while it speaks.

use hydra_runtime_wire::ActiveService;
use proptest::prelude::*;

use super::*;
use crate::registry::instance::{self, RegistrationRules};

pub(crate) fn instance(name: &str, port: u16, endpoints: &[&str]) -> Arc<Instance> {
    let registration = ActiveService {
        web_protocol: "http".into(),
        host: "10.0.0.1".into(),
        port,
        name: Some(name.into()),
        instance: Some(format!("uuid-{port}")),
        endpoints: endpoints.iter().map(|&text| text.into()).collect(),
        ..ActiveService::default()
    };
    Arc::new(
        instance::check(
            registration,
            "10.9.9.9".parse().ok(),
            &RegistrationRules::default(),
        )
        .expect("a good registration"),
    )
}

fn named(name: &str) -> Event {
    Event::Heartbeat(HeartbeatSender::ServiceName {
        name: name.into(),
        from: None,
    })
}

fn is_active(registry: &Registry, port: u16) -> Option<bool> {
    registry
        .get(&instance("a", port, &[]).id)
        .map(|entry| entry.is_active)
}

#[test]
fn silence_makes_inactive_then_forgotten() {
    let mut registry = Registry::default();
    registry.apply(Event::Register(instance("a", 1, &["/a"])), Millis(1_000));
    assert!(!registry.apply(Event::Tick, Millis(6_000)).published);
    assert_eq!(is_active(&registry, 1), Some(true));
    assert!(registry.apply(Event::Tick, Millis(6_001)).published);
    assert_eq!(is_active(&registry, 1), Some(false));
    assert!(!registry.apply(Event::Tick, Millis(601_000)).published);
    assert!(registry.apply(Event::Tick, Millis(601_001)).published);
    assert_eq!(is_active(&registry, 1), None);
    assert!(
        !registry.apply(named("a"), Millis(601_002)).known,
        "it is told, and registers again"
    );
}

#[test]
fn a_gateway_that_hung_does_not_take_its_own_silence_for_that_of_an_instance() {
    for (what, heard, hung, ticks) in [
        // Each tick and whether the instance is active then.
        (
            "it had 3 s left",
            8_000,
            60_000,
            [(70_000, true), (73_000, true), (73_001, false)],
        ),
        (
            "it was heard while the gateway went on",
            69_900,
            60_000,
            [(70_000, true), (75_000, true), (75_001, false)],
        ),
        (
            "its time was over",
            4_000,
            60_000,
            [(70_000, false), (70_001, false), (71_000, false)],
        ),
        (
            "the gateway did not hang",
            8_000,
            0,
            [(12_000, true), (13_000, true), (13_001, false)],
        ),
    ] {
        let mut registry = Registry::default();
        registry.apply(Event::Register(instance("a", 1, &[])), Millis(heard));
        if hung > 0 {
            assert!(
                !registry.apply(Event::Paused(hung), Millis(70_000)).published,
                "{what}"
            );
        }
        for (now, expected) in ticks {
            registry.apply(Event::Tick, Millis(now));
            assert_eq!(is_active(&registry, 1), Some(expected), "{what}, at {now}");
        }
    }
}

#[test]
fn an_instance_that_was_silent_before_the_gateway_hung_stays_inactive() {
    let mut registry = Registry::default();
    registry.apply(Event::Register(instance("a", 1, &[])), Millis(0));
    registry.apply(Event::Tick, Millis(6_000));
    registry.apply(Event::Paused(60_000), Millis(66_250));
    registry.apply(Event::Tick, Millis(66_250));
    assert_eq!(is_active(&registry, 1), Some(false));
    registry.apply(Event::Tick, Millis(600_001));
    assert_eq!(is_active(&registry, 1), None);
}

#[test]
fn a_word_brings_an_inactive_instance_back() {
    let mut registry = Registry::default();
    registry.apply(Event::Register(instance("a", 1, &[])), Millis(0));
    registry.apply(Event::Tick, Millis(10_000));
    let changes = registry.apply(named("a"), Millis(10_001));
    assert_eq!(
        changes,
        Changes {
            known: true,
            published: true,
            denied: None
        }
    );
    assert_eq!(is_active(&registry, 1), Some(true));
}

#[test]
fn a_lost_channel_counts_at_once() {
    let mut registry = Registry::default();
    let one = instance("a", 1, &[]);
    registry.apply(Event::Register(Arc::clone(&one)), Millis(0));
    assert!(registry.apply(Event::Lost(one.id.clone()), Millis(1)).published);
    assert_eq!(is_active(&registry, 1), Some(false));
}

#[test]
fn alive_is_per_instance() {
    let mut registry = Registry::default();
    registry.apply(Event::Register(instance("a", 1, &[])), Millis(0));
    registry.apply(Event::Register(instance("a", 2, &[])), Millis(0));
    let second = HeartbeatSender::Instance {
        name: "a".into(),
        instance: "uuid-2".into(),
    };
    registry.apply(Event::Heartbeat(second), Millis(4_000));
    registry.apply(Event::Tick, Millis(6_000));
    assert_eq!(
        (is_active(&registry, 1), is_active(&registry, 2)),
        (Some(false), Some(true))
    );
    let stranger = HeartbeatSender::Instance {
        name: "a".into(),
        instance: "uuid-3".into(),
    };
    assert!(!registry.apply(Event::Heartbeat(stranger), Millis(6_000)).known);
}

#[test]
fn registering_again_with_the_same_words_changes_nothing() {
    let mut registry = Registry::default();
    assert!(
        registry
            .apply(Event::Register(instance("a", 1, &["/x"])), Millis(0))
            .published
    );
    assert!(
        !registry
            .apply(Event::Register(instance("a", 1, &["/x"])), Millis(1))
            .published
    );
    assert!(
        registry
            .apply(Event::Register(instance("a", 1, &["/y"])), Millis(2))
            .published
    );
    assert_eq!(registry.view().entries.len(), 1);
}

#[test]
fn an_instance_that_registers_again_is_tried_again_at_once() {
    let mut registry = Registry::default();
    registry.apply(Event::Register(instance("a", 1, &[])), Millis(0));
    let is_closed = |registry: &Registry| registry.view().entries[0].instance.breaker.is_closed();
    for _ in 0..10 {
        registry.view().entries[0].instance.breaker.failed(Millis(0));
    }
    assert!(!is_closed(&registry));
    registry.apply(Event::Register(instance("a", 1, &[])), Millis(1));
    assert!(is_closed(&registry));
}

/// An instance that names an address, registered by a call from another one or from the same.
fn at(name: &str, host: &str, from: &str, protocol: u32) -> Arc<Instance> {
    let registration = ActiveService {
        web_protocol: "http".into(),
        host: host.into(),
        port: 80,
        name: Some(name.into()),
        protocol: Some(protocol),
        ..ActiveService::default()
    };
    Arc::new(instance::check(registration, from.parse().ok(), &RegistrationRules::default()).expect("good"))
}

#[test]
fn an_address_is_taken_from_a_service_only_if_that_is_silent_or_the_call_comes_from_there() {
    const HERE: &str = "10.0.0.1";
    const ELSEWHERE: &str = "10.0.0.66";
    let both = ["thief", "victim"];
    for (host, from, protocol, silence, expected) in [
        (HERE, ELSEWHERE, 1, 0, &["victim"][..]),
        (HERE, ELSEWHERE, 2, 0, &["victim"]),
        (HERE, ELSEWHERE, 2, 5_000, &["victim"]),
        (HERE, ELSEWHERE, 1, 5_001, &["thief"]),
        (HERE, ELSEWHERE, 2, 5_001, &["thief"]),
        (HERE, HERE, 2, 0, &["thief"]),
        (HERE, HERE, 1, 0, &both),
        (HERE, HERE, 1, 5_000, &both),
        (HERE, HERE, 1, 5_001, &["thief"]),
        // A name may lead anywhere: who registers it is not known to be there.
        ("shop.internal", ELSEWHERE, 2, 0, &["victim"]),
        ("127.0.0.1", "127.0.0.1", 1, 0, &both),
        ("localhost", "::1", 2, 0, &["thief"]),
        ("::ffff:10.0.0.1", "10.0.0.1", 2, 0, &["thief"]),
    ] {
        let mut registry = Registry::limited(RegistryLimits::default());
        let first = at("victim", host, if host == HERE { HERE } else { from }, 1);
        assert_eq!(registry.apply(Event::Register(first), Millis(0)).denied, None);
        registry.apply(Event::Tick, Millis(silence));
        let changes = registry.apply(
            Event::Register(at("thief", host, from, protocol)),
            Millis(silence),
        );
        let mut names: Vec<String> = registry
            .view()
            .entries
            .iter()
            .map(|entry| entry.instance.service.to_string())
            .collect();
        names.sort();
        let case = (host, from, protocol, silence);
        assert_eq!(names, expected, "{case:?}");
        let is_denied = !names.contains(&"thief".to_owned());
        assert_eq!(changes.denied.is_some(), is_denied, "{case:?}");
        assert_eq!(changes.published, !is_denied, "{case:?}");
    }
}

#[test]
fn two_names_at_one_address_are_known_apart() {
    let mut registry = Registry::limited(RegistryLimits::default());
    for name in ["a", "b"] {
        registry.apply(Event::Register(at(name, "10.0.0.1", "10.0.0.1", 1)), Millis(0));
    }
    registry.apply(named("b"), Millis(4_000));
    registry.apply(Event::Tick, Millis(6_000));
    let active = |registry: &Registry| -> Vec<bool> {
        registry
            .view()
            .entries
            .iter()
            .map(|entry| entry.is_active)
            .collect()
    };
    assert_eq!(active(&registry), [false, true]);
    // Each of them registers again, and the other stays while it is heard.
    registry.apply(Event::Register(at("b", "10.0.0.1", "10.0.0.1", 1)), Millis(6_000));
    assert_eq!(active(&registry), [true], "the silent one is forgotten");
    registry.apply(Event::Register(at("a", "10.0.0.1", "10.0.0.1", 1)), Millis(7_000));
    assert_eq!(active(&registry), [true, true]);
}

/// One step of a random history: what happens, and how much time passes before it.
#[derive(Clone, Debug)]
enum Step {
    Register(u16),
    Alive(u16),
    Lost(u16),
    Tick,
}

fn step() -> impl Strategy<Value = (Step, u64)> {
    let what = prop_oneof![
        (0_u16..4).prop_map(Step::Register),
        (0_u16..4).prop_map(Step::Alive),
        (0_u16..4).prop_map(Step::Lost),
        Just(Step::Tick),
    ];
    (
        what,
        prop_oneof![0_u64..3_000, 4_999_u64..5_002, 599_000_u64..601_000],
    )
}

/// What an instance sent last, when that was, and what the registry made of it.
struct Seen {
    silence: u64,
    was_lost: bool,
    is_active: Option<bool>,
}

/// Plays a history, and shows each instance that ever registered after each step.
fn play(
    steps: Vec<(Step, u64)>,
    mut check: impl FnMut(Seen) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let mut registry = Registry::default();
    let mut now = Millis(0);
    // By port: when it was last heard, and whether it was lost since.
    let mut heard: HashMap<u16, (u64, bool)> = HashMap::new();
    for (step, pause) in steps {
        now = Millis(now.0 + pause);
        registry.apply(Event::Tick, now);
        let is_known = |heard: &HashMap<u16, (u64, bool)>, port| {
            heard
                .get(&port)
                .is_some_and(|(seen, _)| now.0 - seen <= FORGOTTEN_AFTER_MS)
        };
        match step {
            Step::Register(port) => {
                registry.apply(Event::Register(instance("a", port + 1, &["/x"])), now);
                heard.insert(port, (now.0, false));
            }
            Step::Alive(port) => {
                let who = HeartbeatSender::Instance {
                    name: "a".into(),
                    instance: format!("uuid-{}", port + 1),
                };
                let changes = registry.apply(Event::Heartbeat(who), now);
                prop_assert_eq!(changes.known, is_known(&heard, port));
                if changes.known {
                    heard.insert(port, (now.0, false));
                }
            }
            Step::Lost(port) => {
                registry.apply(Event::Lost(instance("a", port + 1, &[]).id.clone()), now);
                if let Some(known) = heard.get_mut(&port) {
                    known.1 = true;
                }
            }
            Step::Tick => {}
        }
        for (port, (seen, was_lost)) in &heard {
            check(Seen {
                silence: now.0 - seen,
                was_lost: *was_lost,
                is_active: is_active(&registry, port + 1),
            })?;
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_instance_outlives_its_silence(steps in proptest::collection::vec(step(), 0..60)) {
        play(steps, |seen| {
            if seen.silence > INACTIVE_AFTER_MS || seen.was_lost {
                prop_assert_ne!(seen.is_active, Some(true));
            }
            prop_assert_eq!(seen.is_active.is_none(), seen.silence > FORGOTTEN_AFTER_MS);
            Ok(())
        })?;
    }

    #[test]
    fn none_dies_while_it_speaks(steps in proptest::collection::vec(step(), 0..60)) {
        play(steps, |seen| {
            if seen.silence <= INACTIVE_AFTER_MS && !seen.was_lost {
                prop_assert_eq!(seen.is_active, Some(true));
            }
            Ok(())
        })?;
    }
}
