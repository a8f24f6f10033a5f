//! How long a tag lets an answer be used again.
#![deny(clippy::disallowed_methods)]

use std::time::Duration;

/// How long a tag lets an answer be used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    /// So long in place of a new one.
    pub(crate) cache: Duration,
    /// So much longer where its owner gives none.
    pub(crate) stale: Duration,
}

impl Terms {
    /// What suits two tags that share an ask: an answer in place of a new one where both take it, and an old one where one of
    /// them does. The other then shows its fallback.
    pub(crate) fn of_both(one: Option<Terms>, other: Option<Terms>) -> Option<Terms> {
        one.or(other)?;
        let (one, other) = (one.unwrap_or_default(), other.unwrap_or_default());
        let end = |terms: Terms| terms.cache.saturating_add(terms.stale);
        let cache = one.cache.min(other.cache);
        let stale = end(one).max(end(other)).saturating_sub(cache);
        Some(Terms { cache, stale })
    }

    /// Whether an answer of this age, which its owner lets be used for `max_age`, is shown where no new one comes.
    pub(crate) fn take_copy(self, age: Duration, max_age: Option<Duration>) -> bool {
        let fresh = max_age.map_or(self.cache, |max_age| max_age.min(self.cache));
        age < fresh.saturating_add(self.stale)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms() -> impl Strategy<Value = Option<Terms>> {
        let time = || (0..9_u64).prop_map(Duration::from_secs);
        proptest::option::of((time(), time()).prop_map(|(cache, stale)| Terms { cache, stale }))
    }

    proptest! {
        #[test]
        fn tags_that_share_an_ask_lose_no_copy_and_get_no_older_answer(
            one in terms(),
            other in terms(),
            age in 0..20_u64,
            max_age in proptest::option::of(0..9_u64),
        ) {
            let (age, max_age) = (Duration::from_secs(age), max_age.map(Duration::from_secs));
            let both = Terms::of_both(one, other);
            prop_assert_eq!(both, Terms::of_both(other, one));
            prop_assert_eq!(one, Terms::of_both(one, one));
            prop_assert_eq!(both, Terms::of_both(both, other));
            for terms in [one, other] {
                let cache = terms.unwrap_or_default().cache;
                prop_assert!(both.unwrap_or_default().cache <= cache);
                if terms.is_some_and(|terms| terms.take_copy(age, max_age)) {
                    prop_assert!(both.is_some_and(|both| both.take_copy(age, max_age)));
                }
            }
        }
    }
}
