//! Who can register, and registers much, leaves room for others.

use super::*;

/// What an instance takes that has so many paths and bytes, registered by a call from `10.0.0.{caller}`.
fn taking(name: &str, paths: usize, bytes: usize, caller: usize) -> InstanceUsage {
    InstanceUsage {
        service: ServiceName::try_new(name).expect("a good name"),
        caller: format!("10.0.0.{caller}").parse().ok(),
        size: Usage {
            instances: 1,
            paths,
            bytes,
        },
    }
}

/// Registers all, and gives how many were taken.
fn fill(ledger: &mut UsageLedger, all: impl Iterator<Item = InstanceUsage>) -> usize {
    let mut taken = 0;
    for one in all {
        if ledger.check(&one, None, RegistryLimits::default()).is_ok() {
            ledger.add(&one);
            taken += 1;
        }
    }
    taken
}

#[test]
fn no_service_and_no_caller_takes_the_room_of_newcomers() {
    const MIB: usize = 1 << 20;
    type Attack = fn(usize) -> InstanceUsage;
    let attacks: [(&str, Attack, usize); 8] = [
        ("paths of one service", |_| taking("greedy", 20_001, 1_000, 1), 4),
        (
            "paths of many services",
            |n| taking(&format!("greedy-{n}"), 20_001, 1_000, 1),
            12,
        ),
        (
            "paths, from many addresses",
            |n| taking(&format!("greedy-{n}"), 20_001, 1_000, n % 200),
            37,
        ),
        (
            "paths of small services",
            |n| taking(&format!("greedy-{n}"), 999, 1_000, 1),
            500,
        ),
        ("bytes of one service", |_| taking("greedy", 1, 2 * MIB, 1), 16),
        (
            "bytes of many services",
            |n| taking(&format!("greedy-{n}"), 1, 2 * MIB, 1),
            32,
        ),
        (
            "bytes, from many addresses",
            |n| taking(&format!("greedy-{n}"), 1, 2 * MIB, n % 200),
            96,
        ),
        (
            "instances of one service",
            |_| taking("greedy", 1, 1_000, 1),
            5_000,
        ),
    ];
    for (what, attack, expected) in attacks {
        let mut ledger = UsageLedger::default();
        let taken = fill(&mut ledger, (0..6_000).map(attack));
        assert_eq!(taken, expected, "{what}");
        let newcomer = taking("newcomer", 600, 20_000, 250);
        assert_eq!(
            ledger.check(&newcomer, None, RegistryLimits::default()),
            Ok(()),
            "{what}"
        );
        // Whose own address has taken half of all with small services must wait.
        let beside = taking("newcomer", 600, 20_000, 1);
        let is_refused = ledger.check(&beside, None, RegistryLimits::default()).is_err();
        assert_eq!(is_refused, what == "paths of small services", "{what}");
    }
}

#[test]
fn why_there_is_no_room() {
    let half = RegistryLimits::default().all / 2;
    for (what, taken, new, expected) in [
        (
            "its share",
            taking("a", 90_000, 1, 1),
            taking("a", 20_000, 1, 2),
            QuotaExceeded::Service,
        ),
        (
            "its share of bytes",
            taking("a", 1, 1, 1),
            taking("a", 1, RegistryLimits::default().service, 2),
            QuotaExceeded::Service,
        ),
        (
            "its caller",
            taking("a", 240_000, 1, 1),
            taking("b", 20_000, 1, 1),
            QuotaExceeded::Caller,
        ),
        (
            "its caller, though small",
            taking("a", 1, half, 1),
            taking("b", 1, 1, 1),
            QuotaExceeded::Caller,
        ),
        (
            "the room for small ones",
            taking("a", 740_000, 1, 1),
            taking("b", 20_000, 1, 2),
            QuotaExceeded::Full,
        ),
        (
            "all",
            taking("a", 1, 2 * half, 1),
            taking("b", 1, 1, 2),
            QuotaExceeded::Full,
        ),
    ] {
        let mut ledger = UsageLedger::default();
        ledger.add(&taken);
        assert_eq!(
            ledger.check(&new, None, RegistryLimits::default()),
            Err(expected),
            "{what}"
        );
    }
}

#[test]
fn what_registers_again_takes_the_place_of_what_it_was() {
    let (small, long) = (taking("a", 10, 1, 1), taking("a", 20_001, 1, 1));
    let mut ledger = UsageLedger::default();
    (0..4).for_each(|_| ledger.add(&long));
    ledger.add(&small);
    let room = |ledger: &UsageLedger, new, old| ledger.check(new, Some(old), RegistryLimits::default());
    assert_eq!(
        room(&ledger, &long, &small),
        Err(QuotaExceeded::Service),
        "it grows beyond its share"
    );
    assert_eq!(room(&ledger, &small, &small), Ok(()));
    assert_eq!(room(&ledger, &long, &long), Ok(()));
    // A gateway that was given less memory accepts a registration again if it is not larger than before.
    (0..60).for_each(|_| ledger.add(&long));
    assert_eq!(room(&ledger, &taking("a", 20_000, 1, 1), &long), Ok(()));
}

#[test]
fn what_went_has_left_its_room() {
    let mut ledger = UsageLedger::default();
    let all: Vec<InstanceUsage> = (1..9).map(|n| taking("a", n * 100, n, n % 2)).collect();
    all.iter().for_each(|one| ledger.add(one));
    all.iter().for_each(|one| ledger.remove(one));
    assert_eq!(ledger.all, Usage::default());
    assert!(ledger.services.is_empty() && ledger.callers.is_empty());
}
