//! The share of each version of a service, and which version a visitor gets (design section 6, Weights).
#![deny(clippy::disallowed_methods)]

/// What one active instance states about the share of its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstanceWeight {
    /// The version; the highest is the newest.
    pub(crate) version: i64,
    /// The member `awakening` of the registration: how versions share the traffic as long as no weight is stated.
    /// `NEWEST_VERSION_WINS`, `EQUAL_SHARE` or nothing.
    pub(crate) awakening: Option<String>,
    /// The share of its version, relative to the weights of the others.
    pub(crate) weight: Option<u32>,
}

/// The share of each version, ascending by version. The sum of the shares is above zero unless there is no version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shares(Vec<(i64, u64)>);

impl Shares {
    /// The shares of the versions of these instances. Stated weights come first, then the wish of the newest version;
    /// otherwise all versions share equally. Weights that are all zero count as not stated.
    pub(crate) fn of(instances: &[InstanceWeight]) -> Self {
        let mut shares: Vec<(i64, u64)> = instances.iter().map(|one| (one.version, 1)).collect();
        shares.sort_unstable();
        shares.dedup();
        let weight = |version| {
            instances
                .iter()
                .filter(|one| one.version == version)
                .find_map(|one| one.weight)
        };
        if instances
            .iter()
            .any(|one| one.weight.is_some_and(|weight| weight > 0))
        {
            for (version, share) in &mut shares {
                *share = u64::from(weight(*version).unwrap_or(0));
            }
            return Self(shares);
        }
        let newest = shares.last().map(|(version, _)| *version);
        let newest_wins = instances.iter().any(|one| {
            Some(one.version) == newest && one.awakening.as_deref() == Some("NEWEST_VERSION_WINS")
        });
        if newest_wins {
            for (version, share) in &mut shares {
                *share = u64::from(Some(*version) == newest);
            }
        }
        Self(shares)
    }

    /// The version for a visitor. A seed gets the same version as long as the shares stay the same.
    pub(crate) fn pick(&self, seed: u64) -> Option<i64> {
        let total: u64 = self.0.iter().map(|(_, share)| share).sum();
        let mut at = mixed(seed).checked_rem(total)?;
        for (version, share) in &self.0 {
            match at.checked_sub(*share) {
                None => return Some(*version),
                Some(rest) => at = rest,
            }
        }
        None
    }

    /// Whether there is at most one version.
    pub(crate) fn is_single(&self) -> bool {
        self.0.len() < 2
    }

    /// How many versions there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether visitors get different versions.
    pub(crate) fn is_split(&self) -> bool {
        self.0.iter().filter(|(_, share)| *share > 0).nth(1).is_some()
    }
}

/// Spreads seeds that are close to each other (the finalizer of `splitmix64`).
pub(crate) fn mixed(seed: u64) -> u64 {
    let z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(version: i64, awakening: &str, weight: Option<u32>) -> InstanceWeight {
        let awakening = (!awakening.is_empty()).then(|| awakening.to_owned());
        InstanceWeight {
            version,
            awakening,
            weight,
        }
    }

    #[test]
    fn shares() {
        const NEWEST: &str = "NEWEST_VERSION_WINS";
        for (instances, expected) in [
            (vec![], vec![]),
            (vec![stated(3, "", None)], vec![(3, 1)]),
            (
                vec![stated(2, "", None), stated(1, "", None), stated(2, "", None)],
                vec![(1, 1), (2, 1)],
            ),
            (
                vec![stated(1, NEWEST, None), stated(2, "EQUAL_SHARE", None)],
                vec![(1, 1), (2, 1)],
            ),
            (
                vec![stated(2, NEWEST, None), stated(1, "", None)],
                vec![(1, 0), (2, 1)],
            ),
            (
                vec![stated(1, "", Some(90)), stated(2, NEWEST, Some(10))],
                vec![(1, 90), (2, 10)],
            ),
            (
                vec![stated(1, "", Some(0)), stated(2, "", Some(10))],
                vec![(1, 0), (2, 10)],
            ),
            (
                vec![stated(1, "", Some(5)), stated(2, "", None)],
                vec![(1, 5), (2, 0)],
            ),
            (vec![stated(1, "", Some(0))], vec![(1, 1)]),
            (
                vec![stated(1, "", Some(0)), stated(2, "", Some(0))],
                vec![(1, 1), (2, 1)],
            ),
        ] {
            assert_eq!(Shares::of(&instances), Shares(expected), "{instances:?}");
        }
    }

    #[test]
    fn a_pick_follows_the_shares_and_the_seed() {
        let shares = Shares(vec![(1, 90), (2, 10), (3, 0)]);
        let picks: Vec<_> = (0..10_000).filter_map(|seed| shares.pick(seed)).collect();
        assert_eq!(picks.len(), 10_000);
        let second = picks.iter().filter(|version| **version == 2).count();
        assert!((800..1200).contains(&second), "{second}");
        assert!(!picks.contains(&3));
        assert_eq!(shares.pick(77), shares.pick(77));
        assert_eq!(Shares::default().pick(1), None);
        assert!(Shares(vec![(0, 1)]).is_single());
        assert!(
            shares.is_split() && !Shares(vec![(1, 0), (2, 5)]).is_split() && !Shares::default().is_split()
        );
    }
}
