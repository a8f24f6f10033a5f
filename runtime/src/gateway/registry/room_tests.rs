//! Who can register, and registers much, leaves room for others.

use super::*;
use crate::{
    gateway::registration::{self, Rules},
    wire::ActiveService,
};

/// An instance with so many paths, registered by a call from `10.0.0.{caller}`.
fn instance(name: &str, port: u16, paths: usize, caller: u8) -> Instance {
    // The socket is a path, too.
    let endpoints = (1..paths.max(1).min(10_001))
        .map(|n| format!("/{name}/{port}/{n}"))
        .collect();
    let resources = (10_001..paths).map(|n| n.to_string()).collect();
    let said = ActiveService {
        web_protocol: "http".into(),
        host: format!("10.0.0.{caller}"),
        port,
        name: Some(name.into()),
        endpoints,
        static_resources: resources,
        ..ActiveService::default()
    };
    let mut rules = Rules::default();
    rules.limits.instance = 1 << 20;
    let from = format!("10.0.0.{caller}").parse().ok();
    registration::check(said, from, &rules).expect("a good registration")
}

/// Registers all, and gives how many were taken.
fn fill(ledger: &mut Ledger, limits: Limits, all: impl Iterator<Item = Instance>) -> usize {
    let mut taken = 0;
    for instance in all {
        if ledger.room(&instance, None, limits).is_ok() {
            ledger.add(&instance);
            taken += 1;
        }
    }
    taken
}

fn large() -> Limits {
    Limits {
        instance: 1 << 20,
        service: 1 << 30,
        all: 4 << 30,
    }
}

#[test]
fn no_service_and_no_caller_takes_the_room_of_newcomers() {
    let one_service = |n: u16| instance("greedy", n + 1, 20_001, 1);
    let many_services = |n: u16| instance(&format!("greedy-{n}"), n + 1, 20_001, 1);
    let many_callers = |n: u16| {
        instance(
            &format!("greedy-{n}"),
            n + 1,
            20_001,
            u8::try_from(n % 9).unwrap_or(0),
        )
    };
    type Attack = fn(u16) -> Instance;
    let attacks: [(&str, Attack, usize); 3] = [
        ("50 instances of one service", one_service, 4),
        ("50 services of one caller", many_services, 12),
        ("50 services of nine callers", many_callers, 37),
    ];
    for (what, attack, expected) in attacks {
        let mut ledger = Ledger::default();
        let taken = fill(&mut ledger, large(), (0..50).map(attack));
        assert_eq!(taken, expected, "{what}");
        for caller in [1, 200] {
            let newcomer = instance("newcomer", 9_999, 50, caller);
            assert_eq!(
                ledger.room(&newcomer, None, large()),
                Ok(()),
                "{what}, from {caller}"
            );
        }
    }
}

#[test]
fn the_registry_is_bounded_in_bytes_for_each_service_and_in_all() {
    let limits = Limits {
        instance: 1 << 20,
        service: 4 << 20,
        all: 8 << 20,
    };
    let of_size = |name: &str, port: u16, caller: u8| instance(name, port, 2_000, caller);
    let one = of_size("a", 1, 1).size().bytes;
    assert!((256 << 10..2 << 20).contains(&one), "{one}");
    let mut ledger = Ledger::default();
    let taken = fill(&mut ledger, limits, (1..100).map(|port| of_size("a", port, 1)));
    assert!(
        taken > 0 && taken * one <= limits.all / 4,
        "a quarter for one caller: {taken}"
    );
    let mut ledger = Ledger::default();
    let taken = fill(
        &mut ledger,
        limits,
        (1..100).map(|port| of_size("a", port, u8::try_from(port).unwrap_or(0))),
    );
    assert!(
        taken * one <= limits.service && (taken + 1) * one > limits.service,
        "{taken}"
    );
    let services = (1..100).map(|n: u16| of_size(&format!("b{n}"), n, u8::try_from(n + 100).unwrap_or(0)));
    fill(&mut ledger, limits, services);
    assert!(
        ledger.all.bytes <= limits.all / 4 * 3,
        "the last quarter is for small services"
    );
    let refused = ledger.room(&of_size("c", 1, 250), None, limits);
    assert_eq!(refused, Err(NoRoom::Full));
    assert_eq!(ledger.room(&instance("c", 1, 2, 250), None, limits), Ok(()));
}

#[test]
fn what_registers_again_takes_the_place_of_what_it_was() {
    let (small, long) = (instance("a", 1, 10, 1), instance("a", 1, 20_001, 1));
    let mut ledger = Ledger::default();
    fill(
        &mut ledger,
        large(),
        (2..=5).map(|port| instance("a", port, 20_001, 1)),
    );
    ledger.add(&small);
    // It grows beyond the share of its service.
    assert_eq!(ledger.room(&long, Some(&small), large()), Err(NoRoom::Service));
    assert_eq!(ledger.room(&small, Some(&small), large()), Ok(()));
    ledger.remove(&small);
    ledger.add(&instance("a", 1, 9, 1));
    let none = Limits { all: 0, ..large() };
    let less = instance("a", 2, 20_000, 1);
    let more = instance("a", 2, 20_001, 1);
    assert_eq!(
        ledger.room(&less, Some(&more), none),
        Ok(()),
        "what takes less is never refused"
    );
}

#[test]
fn what_went_has_left_its_room() {
    let mut ledger = Ledger::default();
    let all: Vec<Instance> = (1..9).map(|port| instance("a", port, 100, 1)).collect();
    all.iter().for_each(|instance| ledger.add(instance));
    all.iter().for_each(|instance| ledger.remove(instance));
    assert_eq!(ledger.all, Size::default());
    assert!(ledger.services.is_empty() && ledger.callers.is_empty());
}
