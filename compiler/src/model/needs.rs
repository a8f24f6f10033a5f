//! The dependencies of fragments and values. A group lists what something depends on: names of the page, and other groups, whose
//! dependencies are then its own too.
#![deny(clippy::disallowed_methods)]

use std::{borrow::Cow, collections::BTreeSet};

use smallvec::SmallVec;

/// A group, by its place in [`Needs`].
pub(crate) type GroupId = usize;

/// The groups of a page. A group depends only on groups before it.
#[derive(Debug)]
pub(crate) struct Needs<'n> {
    groups: Vec<Vec<Need<'n>>>,
}

/// The needs of a group that is being made. Most groups have few.
pub(super) type NeedList<'n> = SmallVec<[Need<'n>; 4]>;

/// A dependency of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Need<'n> {
    /// A name that the page provides, as Tera spells it.
    Name(Cow<'n, str>),
    /// All dependencies of another group.
    Group(GroupId),
}

impl Default for Needs<'_> {
    fn default() -> Self {
        Needs {
            groups: vec![Vec::new()],
        }
    }
}

impl<'n> Needs<'n> {
    /// The group that needs nothing.
    pub(crate) const NOTHING: GroupId = 0;

    /// A group of these needs.
    pub(crate) fn group(&mut self, needs: impl IntoIterator<Item = Need<'n>>) -> GroupId {
        let needs = needs.into_iter();
        self.group_of(needs.collect())
    }

    /// The same for a list.
    pub(super) fn group_of(&mut self, mut needs: NeedList<'n>) -> GroupId {
        needs.retain(|need| !matches!(need, Need::Group(Self::NOTHING)));
        match needs.as_slice() {
            [] => Self::NOTHING,
            [Need::Group(only)] => *only,
            // Fragments in a row often need the same.
            needs if self.groups.last().is_some_and(|last| last.as_slice() == needs) => self.groups.len() - 1,
            _ => {
                self.groups.push(needs.into_vec());
                self.groups.len() - 1
            }
        }
    }

    /// All groups, in order.
    #[must_use]
    pub(crate) fn groups(&self) -> &[Vec<Need<'n>>] {
        &self.groups
    }

    /// For each group, the first of `names` that it needs, directly or through others.
    #[must_use]
    pub(crate) fn first_of(&self, names: &BTreeSet<&str>) -> Vec<Option<String>> {
        let mut found: Vec<Option<String>> = Vec::with_capacity(self.groups.len());
        for needs in &self.groups {
            let first = needs.iter().find_map(|need| match need {
                Need::Name(name) => names.contains(name.as_ref()).then(|| name.to_string()),
                Need::Group(group) => found.get(*group).cloned().flatten(),
            });
            found.push(first);
        }
        found
    }
}
