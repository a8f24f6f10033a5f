//! The share of each version of a service, and which version a visitor gets (design section 6, Weights).
#![deny(clippy::disallowed_methods)]

mod rendezvous;

use std::{collections::BTreeMap, sync::Arc};

use crate::stated_weights::{SharingRule, StatedWeights};

/// What one active instance states about its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstanceWeight<'a> {
    /// The name of the version.
    pub(crate) version: &'a Arc<str>,
    /// The number of the version; the highest is the newest.
    pub(crate) number: i64,
    /// When the instance started, in milliseconds since 1970. Of versions with equal numbers, the newest is the one
    /// whose first instance started last.
    pub(crate) active_since: i64,
    /// The member `awakening` of the registration: how versions share the traffic as long as no weight is stated.
    /// `NEWEST_VERSION_WINS`, `EQUAL_SHARE` or nothing.
    pub(crate) awakening: Option<&'a str>,
    /// The share of its version, relative to the weights of the others.
    pub(crate) weight: Option<u32>,
}

/// One version of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// The name.
    pub(crate) name: Arc<str>,
    /// Its share of the visitors, relative to the shares of the others.
    pub(crate) share: u64,
    /// Whether its weight is a stated 0: then it gets no visitor, whatever happens to other versions.
    pub(crate) is_closed: bool,
    /// Whether it wants all visitors while it is the newest and no weight counts.
    newest_wins: bool,
    /// The hash of the name.
    hash: u64,
}

/// The versions of a service with their shares, oldest first. If a version is not closed, some share is above zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shares(Vec<Version>);

/// What all instances of one version state together.
struct Group<'a> {
    order: (i64, i64),
    name: &'a Arc<str>,
    newest_wins: bool,
    weight: Option<u32>,
}

impl Shares {
    /// The shares of the versions of these instances. What operators `stated` comes first, then the weights of the
    /// instances, then the wish of the newest version; otherwise all versions share equally. As long as any
    /// version has a weight above zero, a version without one gets nothing. A version whose weight is a stated 0
    /// is closed; the others share as if it did not exist.
    pub(crate) fn of<'a>(
        instances: impl IntoIterator<Item = InstanceWeight<'a>>,
        stated: Option<&StatedWeights>,
    ) -> Self {
        let groups = groups(instances);
        let is_name = |name: &str| groups.iter().any(|group| **group.name == *name);
        let rule = stated.and_then(StatedWeights::rule);
        let by_version = stated.and_then(StatedWeights::by_version);
        let operators: Vec<Option<u32>> = groups
            .iter()
            .map(|group| stated_for(by_version?, group.name, is_name))
            .collect();
        let version = |(group, by_operators): (&Group<'_>, &Option<u32>)| Version {
            name: Arc::clone(group.name),
            share: 0,
            is_closed: by_operators.or(group.weight) == Some(0),
            newest_wins: rule.map_or(group.newest_wins, |rule| rule == SharingRule::Newest),
            hash: rendezvous::hash(group.name),
        };
        let mut versions: Vec<Version> = groups.iter().zip(&operators).map(version).collect();
        let by_instances: Vec<Option<u32>> = groups.iter().map(|group| group.weight).collect();
        // A rule of operators stands over all weights.
        let weights = rule.is_none().then_some([operators, by_instances]);
        for weights in weights.into_iter().flatten() {
            for (version, weight) in versions.iter_mut().zip(weights) {
                version.share = match version.is_closed {
                    true => 0,
                    false => u64::from(weight.unwrap_or(0)),
                };
            }
            if versions.iter().any(|version| version.share > 0) {
                return Self(versions);
            }
        }
        let sharing = if newest_wins(versions.iter()) {
            1
        } else {
            usize::MAX
        };
        let open = versions.iter_mut().rev().filter(|version| !version.is_closed);
        for version in open.take(sharing) {
            version.share = 1;
        }
        Self(versions)
    }

    /// The position of the version for a visitor. A seed gets the same version as long as the shares stay the same;
    /// if a share grows, only visitors of other versions move, and only to the version that grew.
    pub(crate) fn pick(&self, seed: u64) -> Option<usize> {
        self.pick_among(seed, |_| true)
    }

    /// The same among the versions whose positions are `allowed`. If none of them has a share, they share like
    /// versions without weights.
    pub(crate) fn pick_among(&self, seed: u64, allowed: impl Fn(usize) -> bool) -> Option<usize> {
        let candidates = || {
            let open = self.0.iter().enumerate();
            open.filter(|(position, version)| !version.is_closed && allowed(*position))
        };
        let weighted = candidates().map(|(position, version)| (position, version.hash, version.share));
        if let Some(position) = rendezvous::pick(seed, weighted) {
            return Some(position);
        }
        if newest_wins(candidates().map(|(_, version)| version)) {
            return candidates().next_back().map(|(position, _)| position);
        }
        rendezvous::pick(
            seed,
            candidates().map(|(position, version)| (position, version.hash, 1)),
        )
    }

    /// Whether a version also loses the visitors that stay with its instances: operators `stated` 0 for it, and more for one of
    /// these versions.
    pub(crate) fn ends(&self, stated: Option<&StatedWeights>, version: &str) -> bool {
        let is_name = |name: &str| *name == *version || self.position(name).is_some();
        let stated = stated.and_then(StatedWeights::by_version);
        let weight = |version: &str| stated_for(stated?, version, is_name);
        weight(version) == Some(0) && self.0.iter().any(|other| weight(&other.name) > Some(0))
    }

    /// The versions, oldest first.
    pub(crate) fn versions(&self) -> &[Version] {
        &self.0
    }

    /// The position of the version with this name.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|version| *version.name == *name)
    }

    /// How many versions there are that may get visitors.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().filter(|version| !version.is_closed).count()
    }

    /// Whether visitors get different versions.
    pub(crate) fn is_split(&self) -> bool {
        self.0.iter().filter(|version| version.share > 0).nth(1).is_some()
    }
}

/// The instances by version, oldest version first.
fn groups<'a>(instances: impl IntoIterator<Item = InstanceWeight<'a>>) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<&str, Group<'a>> = BTreeMap::new();
    for one in instances {
        let newest_wins = one.awakening == Some("NEWEST_VERSION_WINS");
        let group = groups.entry(one.version).or_insert(Group {
            order: (one.number, one.active_since),
            name: one.version,
            newest_wins: false,
            weight: None,
        });
        // The first start counts: an old version does not become the newest because one of its instances restarts.
        group.order.0 = group.order.0.max(one.number);
        group.order.1 = group.order.1.min(one.active_since);
        group.newest_wins |= newest_wins;
        group.weight = group.weight.or(one.weight);
    }
    let mut groups: Vec<Group<'a>> = groups.into_values().collect();
    groups.sort_by(|a, b| (a.order, a.name).cmp(&(b.order, b.name)));
    groups
}

/// The weight that operators stated for a version. `v2` means the version `2`, unless a version has that very name.
fn stated_for(stated: &BTreeMap<String, u32>, name: &str, is_name: impl Fn(&str) -> bool) -> Option<u32> {
    let with_v = || {
        let text = format!("v{name}");
        (!is_name(&text)).then(|| stated.get(&text)).flatten()
    };
    stated.get(name).or_else(with_v).copied()
}

/// Whether the newest of these versions that may get visitors wants all of them.
fn newest_wins<'v>(oldest_first: impl DoubleEndedIterator<Item = &'v Version>) -> bool {
    let newest = oldest_first.rev().find(|version| !version.is_closed);
    newest.is_some_and(|version| version.newest_wins)
}

/// Spreads seeds that are close to each other (the finalizer of `splitmix64`).
pub(crate) fn mixed(seed: u64) -> u64 {
    let z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
