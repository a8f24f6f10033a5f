use proptest::prelude::*;

use super::*;

const NEWEST: &str = "NEWEST_VERSION_WINS";

/// Version, awakening and weight of one instance. The name of the version is its number.
type Said<'a> = (i64, &'a str, Option<u32>);

fn shares_of(said: &[Said<'_>], stated: &[(&str, u32)]) -> Shares {
    let stated = stated.iter().map(|(name, weight)| ((*name).to_owned(), *weight));
    shares_under(said, &stated.collect())
}

fn shares_under(said: &[Said<'_>], stated: &StatedWeights) -> Shares {
    let names: Vec<Arc<str>> = said.iter().map(|one| one.0.to_string().into()).collect();
    let instances = said.iter().zip(&names).map(|(one, name)| InstanceWeight {
        version: name,
        number: one.0,
        active_since: 0,
        awakening: Some(one.1).filter(|text| !text.is_empty()),
        weight: one.2,
    });
    Shares::of(instances, Some(stated))
}

/// Name and share of each version; the share of a closed one is -1.
fn table(shares: &Shares) -> Vec<(&str, i64)> {
    let share = |version: &Version| match version.is_closed {
        true => -1,
        false => i64::try_from(version.share).expect("small"),
    };
    let versions = shares.versions().iter();
    versions.map(|version| (&*version.name, share(version))).collect()
}

#[test]
fn a_stated_rule_stands_over_what_instances_say() {
    use SharingRule::{Equal, Newest};
    for (rule, said, expected) in [
        (Newest, vec![], vec![]),
        (
            Newest,
            vec![(1, "", None), (2, "", None)],
            vec![("1", 0), ("2", 1)],
        ),
        (
            Newest,
            vec![(9, "", Some(90)), (10, "EQUAL_SHARE", None)],
            vec![("9", 0), ("10", 1)],
        ),
        // A closed version is none to share with.
        (
            Newest,
            vec![(1, "", None), (2, "", None), (3, "", Some(0))],
            vec![("1", 0), ("2", 1), ("3", -1)],
        ),
        (
            Equal,
            vec![(1, "", Some(90)), (2, NEWEST, None)],
            vec![("1", 1), ("2", 1)],
        ),
        (
            Equal,
            vec![(1, "", Some(0)), (2, NEWEST, Some(5)), (3, NEWEST, None)],
            vec![("1", -1), ("2", 1), ("3", 1)],
        ),
    ] {
        let shares = shares_under(&said, &StatedWeights::Rule(rule));
        assert_eq!(table(&shares), expected, "{rule:?} {said:?}");
    }
    // While the newest can't be reached, the one before it gets its visitors.
    let said = [(1, "", None), (2, "", None), (3, "", None)];
    let shares = shares_under(&said, &StatedWeights::Rule(Newest));
    assert!((0..100).all(|seed| shares.pick_among(seed, |at| at < 2) == Some(1)));
    assert!(!shares.ends(Some(&StatedWeights::Rule(Newest)), "1"));
}

#[test]
fn shares_follow_the_instances() {
    for (said, expected) in [
        (vec![], vec![]),
        (vec![(3, "", None)], vec![("3", 1)]),
        (
            vec![(2, "", None), (1, "", None), (2, "", None)],
            vec![("1", 1), ("2", 1)],
        ),
        (
            vec![(1, NEWEST, None), (2, "EQUAL_SHARE", None)],
            vec![("1", 1), ("2", 1)],
        ),
        (vec![(2, NEWEST, None), (1, "", None)], vec![("1", 0), ("2", 1)]),
        (vec![(10, NEWEST, None), (9, "", None)], vec![("9", 0), ("10", 1)]),
        (
            vec![(1, "", Some(90)), (2, NEWEST, Some(10))],
            vec![("1", 90), ("2", 10)],
        ),
        (vec![(1, "", Some(5)), (2, "", None)], vec![("1", 5), ("2", 0)]),
        (
            vec![(1, "", None), (1, "", Some(5)), (2, "", Some(1))],
            vec![("1", 5), ("2", 1)],
        ),
        // A stated 0 closes a version, and the others share as if it did not exist.
        (
            vec![(1, "", Some(0)), (2, "", Some(10))],
            vec![("1", -1), ("2", 10)],
        ),
        (
            vec![(1, "", None), (2, NEWEST, Some(0))],
            vec![("1", 1), ("2", -1)],
        ),
        (
            vec![(1, "", None), (2, NEWEST, None), (3, "", Some(0))],
            vec![("1", 0), ("2", 1), ("3", -1)],
        ),
        (vec![(1, "", Some(0))], vec![("1", -1)]),
        (
            vec![(1, "", Some(0)), (2, "", Some(0))],
            vec![("1", -1), ("2", -1)],
        ),
    ] {
        assert_eq!(table(&shares_of(&said, &[])), expected, "{said:?}");
    }
}

#[test]
fn what_operators_state_comes_before_what_instances_state() {
    let said: [Said<'_>; 3] = [(1, "", Some(5)), (2, "", None), (3, NEWEST, Some(0))];
    for (stated, expected) in [
        (vec![], [("1", 5), ("2", 0), ("3", -1)]),
        (vec![("2", 10)], [("1", 0), ("2", 10), ("3", -1)]),
        (vec![("1", 90), ("3", 10)], [("1", 90), ("2", 0), ("3", 10)]),
        (vec![("v1", 90), ("v3", 10)], [("1", 90), ("2", 0), ("3", 10)]),
        (vec![("v1", 90), ("1", 7)], [("1", 7), ("2", 0), ("3", -1)]),
        // A 0 alone takes one version away, and leaves the others as they are.
        (vec![("2", 0)], [("1", 5), ("2", -1), ("3", -1)]),
        (vec![("1", 0)], [("1", -1), ("2", 1), ("3", -1)]),
        (
            vec![("1", 0), ("2", 0), ("3", 0)],
            [("1", -1), ("2", -1), ("3", -1)],
        ),
        // Weights of versions that do not run leave the others as they are.
        (vec![("7", 10), ("8", 90)], [("1", 5), ("2", 0), ("3", -1)]),
        (vec![("7", 10), ("1", 0)], [("1", -1), ("2", 1), ("3", -1)]),
        (
            vec![("1", u32::MAX), ("2", u32::MAX)],
            [("1", 4_294_967_295), ("2", 4_294_967_295), ("3", -1)],
        ),
    ] {
        assert_eq!(table(&shares_of(&said, &stated)), expected, "{stated:?}");
    }
}

/// Instances as name, number and start.
fn named(instances: &[(&str, i64, i64)], stated: &[(&str, u32)]) -> Vec<(String, i64)> {
    let names: Vec<Arc<str>> = instances.iter().map(|one| one.0.into()).collect();
    let instances = instances.iter().zip(&names).map(|(one, name)| InstanceWeight {
        version: name,
        number: one.1,
        active_since: one.2,
        awakening: Some(NEWEST),
        weight: None,
    });
    let stated = stated
        .iter()
        .map(|(name, weight)| ((*name).to_owned(), *weight))
        .collect();
    let shares = Shares::of(instances, Some(&stated));
    table(&shares)
        .into_iter()
        .map(|(name, share)| (name.to_owned(), share))
        .collect()
}

#[test]
fn versions_have_names_and_the_newest_is_known_by_number_and_start() {
    let by = |expected: &[(&str, i64)]| -> Vec<(String, i64)> {
        expected
            .iter()
            .map(|(name, share)| ((*name).to_owned(), *share))
            .collect()
    };
    for (instances, stated, expected) in [
        (
            vec![("2.10", 2, 0), ("2.9", 1, 9)],
            vec![],
            vec![("2.9", 0), ("2.10", 1)],
        ),
        (vec![("b", 0, 20), ("a", 0, 10)], vec![], vec![("a", 0), ("b", 1)]),
        // The old version restarts one of its instances.
        (
            vec![("a", 0, 10), ("a", 0, 90), ("b", 0, 20)],
            vec![],
            vec![("a", 0), ("b", 1)],
        ),
        (
            vec![("a", 1, 10), ("a", 3, 10), ("b", 2, 20)],
            vec![],
            vec![("b", 0), ("a", 1)],
        ),
        // Equal in both: all gateways must agree.
        (vec![("b", 0, 1), ("a", 0, 1)], vec![], vec![("a", 0), ("b", 1)]),
        (
            vec![("v2", 0, 1), ("2", 0, 2)],
            vec![("v2", 9)],
            vec![("v2", 9), ("2", 0)],
        ),
        (
            vec![("2.4.1", 0, 1), ("1", 0, 2)],
            vec![("v2.4.1", 9)],
            vec![("2.4.1", 9), ("1", 0)],
        ),
    ] {
        assert_eq!(
            named(&instances, &stated),
            by(&expected),
            "{instances:?} {stated:?}"
        );
    }
}

fn pick(shares: &Shares, seed: u64) -> Option<&str> {
    shares
        .pick(seed)
        .map(|position| &*shares.versions()[position].name)
}

#[test]
fn visitors_land_on_versions_as_the_weights_say() {
    for weights in [
        vec![90, 10],
        vec![1, 1, 1],
        vec![5, 0, 15, 80],
        vec![1, 999],
        vec![u32::MAX, u32::MAX],
    ] {
        let said: Vec<Said<'_>> = (1..)
            .zip(&weights)
            .map(|(n, weight)| (n, "", Some(*weight)))
            .collect();
        let shares = shares_of(&said, &[]);
        let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        for (n, weight) in (1..).zip(&weights) {
            let name = i32::to_string(&n);
            let count = (0..10_000)
                .filter(|seed| pick(&shares, *seed) == Some(&*name))
                .count();
            let part = f64::from(*weight) / total;
            // Four standard deviations of a binomial distribution.
            let bound = 4.0 * (10_000.0 * part * (1.0 - part)).sqrt();
            let count = f64::from(u32::try_from(count).expect("few"));
            assert!(
                (count - 10_000.0 * part).abs() <= bound,
                "{n} of {weights:?}: {count}"
            );
        }
    }
    assert_eq!(Shares::default().pick(1), None);
    assert_eq!(shares_of(&[(1, "", Some(0))], &[]).pick(1), None, "it is closed");
}

#[test]
fn a_pick_among_some_versions_follows_the_same_rules() {
    let said: [Said<'_>; 4] = [(1, "", Some(90)), (2, "", None), (3, "", None), (4, "", Some(0))];
    let shares = shares_of(&said, &[]);
    for (allowed, expected) in [
        (vec![0, 1, 2, 3], vec![0]),
        (vec![1], vec![1]),
        (vec![1, 2, 3], vec![1, 2]),
        (vec![3], vec![]),
        (vec![], vec![]),
    ] {
        let picks = (0..100).filter_map(|seed| shares.pick_among(seed, |at| allowed.contains(&at)));
        let picks: std::collections::BTreeSet<usize> = picks.collect();
        assert_eq!(picks.into_iter().collect::<Vec<_>>(), expected, "{allowed:?}");
    }
    let said: [Said<'_>; 3] = [(1, "", Some(9)), (2, NEWEST, None), (3, NEWEST, None)];
    assert!((0..100).all(|seed| shares_of(&said, &[]).pick_among(seed, |at| at > 0) == Some(2)));
}

#[test]
fn only_a_choice_counts_as_split() {
    for (said, is_split, count) in [
        (vec![(1, "", Some(90)), (2, "", Some(10))], true, 2),
        (vec![(1, "", None), (2, "", None)], true, 2),
        (vec![(1, "", Some(0)), (2, "", Some(5))], false, 1),
        (vec![(1, "", None), (2, "", Some(5))], false, 2),
        (vec![(1, "", Some(0)), (2, "", None), (3, "", None)], true, 2),
        (vec![], false, 0),
    ] {
        let shares = shares_of(&said, &[]);
        assert_eq!((shares.is_split(), shares.count()), (is_split, count), "{said:?}");
    }
}

/// The versions of 300 visitors with these weights of the versions 1, 2, 3 and so on.
fn picks(weights: &[u32], seeds: u64) -> Vec<Option<String>> {
    let said: Vec<Said<'_>> = (1..)
        .zip(weights)
        .map(|(n, weight)| (n, "", Some(*weight)))
        .collect();
    let shares = shares_of(&said, &[]);
    (seeds..seeds.saturating_add(300))
        .map(|seed| pick(&shares, seed).map(str::to_owned))
        .collect()
}

proptest! {
    #[test]
    fn a_version_that_grows_only_takes_visitors(
        weights in prop::collection::vec(1_u32..1_000, 2..6),
        at in any::<prop::sample::Index>(),
        more in 1_u32..1_000,
        seeds in any::<u64>(),
    ) {
        let (at, mut after) = (at.index(weights.len()), weights.clone());
        after[at] += more;
        let grown = Some((at + 1).to_string());
        for (before, now) in picks(&weights, seeds).into_iter().zip(picks(&after, seeds)) {
            prop_assert!(now == before || now == grown, "{before:?} to {now:?}");
        }
    }

    #[test]
    fn a_version_that_disappears_gives_away_only_its_own(
        weights in prop::collection::vec(1_u32..1_000, 2..6),
        at in any::<prop::sample::Index>(),
        seeds in any::<u64>(),
    ) {
        let (at, mut after) = (at.index(weights.len()), weights.clone());
        after[at] = 0;
        let gone = Some((at + 1).to_string());
        for (before, now) in picks(&weights, seeds).into_iter().zip(picks(&after, seeds)) {
            prop_assert!(now == before || before == gone, "{before:?} to {now:?}");
            prop_assert!(now != gone);
        }
    }

    #[test]
    fn from_10_to_20_percent_moves_only_to_the_version_that_grew(seeds in any::<u64>()) {
        for (before, now) in picks(&[90, 10], seeds).into_iter().zip(picks(&[80, 20], seeds)) {
            prop_assert!(now == before || now.as_deref() == Some("2"));
        }
    }
}
