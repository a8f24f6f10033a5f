//! Finds two exporters whose branches can both be rendered, without comparing each pair.
#![deny(clippy::disallowed_methods)]

use std::collections::HashMap;

use crate::model::Branches;

/// The exporters that were added so far, by the branches in which they stand.
#[derive(Debug, Default)]
pub(super) struct ConflictFinder {
    branches: HashMap<usize, SeenInBranch>,
}

/// The exporters in a branch and in the branches inside of it.
#[derive(Debug, Default)]
struct SeenInBranch {
    /// The first that stands in the branch itself.
    own: Option<usize>,
    /// The first in a branch inside, with the point at which that branch begins.
    first: Option<(u32, usize)>,
    /// The first in a branch inside that begins at another point.
    other: Option<usize>,
}

impl ConflictFinder {
    /// Adds one that stands in `branch`. The result is the first of those before it that does not exclude it.
    pub(super) fn add(&mut self, branches: &Branches, branch: usize, index: usize) -> Option<usize> {
        let mut conflicts = Vec::new();
        let mut at = Branches::ROOT;
        for (point, next) in branches.path(branch) {
            let seen = self.branches.entry(at).or_default();
            conflicts.extend(seen.own);
            match seen.first {
                None => seen.first = Some((point, index)),
                Some((first, conflict)) if first != point => {
                    conflicts.push(conflict);
                    seen.other.get_or_insert(index);
                }
                Some(_) => conflicts.extend(seen.other),
            }
            at = next;
        }
        let seen = self.branches.entry(at).or_default();
        conflicts.extend(seen.own);
        conflicts.extend(seen.first.map(|(_, conflict)| conflict));
        seen.own.get_or_insert(index);
        conflicts.into_iter().min()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The same as comparing each with each.
        #[test]
        fn the_first_rival_is_found(steps in proptest::collection::vec((0_usize..12, 0_usize..4), 1..24)) {
            let mut branches = Branches::default();
            let mut known = vec![(Branches::ROOT, 0)];
            let mut conflict_finder = ConflictFinder::default();
            let mut before: Vec<usize> = Vec::new();
            for (index, (parent, point)) in steps.into_iter().enumerate() {
                let (parent, shared) = known[parent % known.len()];
                let point = if point == 0 || shared == 0 { branches.point() } else { shared };
                // A branch beside the parent where it shares the point, inside of it otherwise.
                let parent = if point == shared { branches.path(parent).iter().rev().nth(1).map_or(0, |(_, at)| *at) } else { parent };
                let branch = branches.branch(parent, point);
                known.push((branch, point));
                let expected = before.iter().position(|earlier| !branches.exclude(*earlier, branch));
                prop_assert_eq!(conflict_finder.add(&branches, branch, index), expected);
                before.push(branch);
            }
        }
    }
}
