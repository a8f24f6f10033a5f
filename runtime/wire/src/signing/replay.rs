//! Remembers used signatures, for as long as they could be used again.
#![deny(clippy::disallowed_methods)]

use std::collections::HashSet;

use crate::limits::MAX_REMEMBERED_SIGNATURES;

/// Two generations of ids: when the younger one is old enough, the older one is dropped.
#[derive(Debug, Default)]
pub(super) struct UsedSignatures {
    young: HashSet<String>,
    old: HashSet<String>,
    since: u64,
}

impl UsedSignatures {
    /// Whether `id` was not used in the last `life` seconds. From now on it is.
    pub(super) fn is_new(&mut self, id: String, now: u64, life: u64) -> bool {
        if now.saturating_sub(self.since) > life || self.young.len() >= MAX_REMEMBERED_SIGNATURES {
            self.old = std::mem::take(&mut self.young);
            self.since = now;
        }
        !self.old.contains(&id) && self.young.insert(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_for_its_life_and_not_for_ever() {
        let mut used = UsedSignatures::default();
        assert!(used.is_new("a".into(), 100, 10));
        for now in [100, 105, 110, 111] {
            assert!(!used.is_new("a".into(), now, 10), "{now}");
        }
        assert!(used.is_new("b".into(), 122, 10));
        assert!(used.is_new("a".into(), 122, 10));
    }

    #[test]
    fn it_does_not_grow_without_bound() {
        let mut used = UsedSignatures::default();
        for n in 0..MAX_REMEMBERED_SIGNATURES * 3 {
            used.is_new(n.to_string(), 1, 10);
        }
        assert!(used.young.len() + used.old.len() <= 2 * MAX_REMEMBERED_SIGNATURES);
    }
}
