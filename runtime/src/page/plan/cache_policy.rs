//! How long a tag lets an answer be used again: its `cache` and `stale`.
#![deny(clippy::disallowed_methods)]

use std::time::Duration;

/// How long a tag lets an answer be used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct CachePolicy {
    /// How long an answer is shown without asking its owner again.
    pub(crate) cache: Duration,
    /// How much longer it is shown where the owner gives none.
    pub(crate) stale: Duration,
}

impl CachePolicy {
    /// The policy of a fetch that two tags share. A kept answer replaces a request to the owner only where it is
    /// fresh enough for both tags. Where the owner gives no answer, the fetch takes an older one that either tag
    /// accepts: a tag that does not accept it shows its fallback.
    pub(crate) fn for_both(one: Option<CachePolicy>, other: Option<CachePolicy>) -> Option<CachePolicy> {
        one.or(other)?;
        let (one, other) = (one.unwrap_or_default(), other.unwrap_or_default());
        let end = |policy: CachePolicy| policy.cache.saturating_add(policy.stale);
        let cache = one.cache.min(other.cache);
        let stale = end(one).max(end(other)).saturating_sub(cache);
        Some(CachePolicy { cache, stale })
    }

    /// Whether an answer of this age, which its owner lets be used for `max_age`, is shown where the owner gives none.
    pub(crate) fn admits_copy(self, age: Duration, max_age: Option<Duration>) -> bool {
        let fresh = max_age.map_or(self.cache, |max_age| max_age.min(self.cache));
        age < fresh.saturating_add(self.stale)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy() -> impl Strategy<Value = Option<CachePolicy>> {
        let time = || (0..9_u64).prop_map(Duration::from_secs);
        proptest::option::of((time(), time()).prop_map(|(cache, stale)| CachePolicy { cache, stale }))
    }

    proptest! {
        #[test]
        fn tags_that_share_an_ask_lose_no_copy_and_get_no_older_answer(
            one in policy(),
            other in policy(),
            age in 0..20_u64,
            max_age in proptest::option::of(0..9_u64),
        ) {
            let (age, max_age) = (Duration::from_secs(age), max_age.map(Duration::from_secs));
            let both = CachePolicy::for_both(one, other);
            prop_assert_eq!(both, CachePolicy::for_both(other, one));
            prop_assert_eq!(one, CachePolicy::for_both(one, one));
            prop_assert_eq!(both, CachePolicy::for_both(both, other));
            for policy in [one, other] {
                let cache = policy.unwrap_or_default().cache;
                prop_assert!(both.unwrap_or_default().cache <= cache);
                if policy.is_some_and(|policy| policy.admits_copy(age, max_age)) {
                    prop_assert!(both.is_some_and(|both| both.admits_copy(age, max_age)));
                }
            }
        }
    }
}
