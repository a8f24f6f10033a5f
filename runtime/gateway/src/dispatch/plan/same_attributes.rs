//! Items by their attributes: those with equal attributes can share a call of protocol 1.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

use hydra_runtime_wire::{Attributes, FragmentRequest};

/// Groups of items, in the order of their first item. Finding a group takes one hash of the attributes, however many
/// groups there are: a page may ask for thousands of fragments, each with attributes of its own.
#[derive(Default)]
pub(super) struct SameAttributes {
    hasher: RandomState,
    by_hash: HashMap<u64, Vec<usize>>,
    groups: Vec<(Attributes, Vec<FragmentRequest>)>,
    /// The group of the items that state no imports.
    unstated: Option<usize>,
}

impl SameAttributes {
    /// Adds an item with these attributes.
    pub(super) fn add(&mut self, attributes: Attributes, item: FragmentRequest) {
        let place = self.place_of(attributes);
        self.groups[place].1.push(item);
    }

    /// Adds an item that states no imports. All of these have the same attributes, which are made once.
    pub(super) fn add_unstated(&mut self, attributes: impl FnOnce() -> Attributes, item: FragmentRequest) {
        let place = match self.unstated {
            Some(place) => place,
            None => self.place_of(attributes()),
        };
        self.unstated = Some(place);
        self.groups[place].1.push(item);
    }

    pub(super) fn into_groups(self) -> Vec<(Attributes, Vec<FragmentRequest>)> {
        self.groups
    }

    /// The group with these attributes, which may be new.
    fn place_of(&mut self, attributes: Attributes) -> usize {
        let places = self.by_hash.entry(self.hasher.hash_one(&attributes)).or_default();
        let known = places.iter().find(|place| self.groups[**place].0 == attributes);
        if let Some(place) = known {
            return *place;
        }
        let place = self.groups.len();
        places.push(place);
        self.groups.push((attributes, Vec::new()));
        place
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attributes(value: serde_json::Value) -> Attributes {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn equal_attributes_share_a_group_whoever_states_them() {
        let item = |id: &str| FragmentRequest {
            id: id.to_owned(),
            ..FragmentRequest::default()
        };
        let all = || attributes(json!({"a": 1, "b": [2]}));
        let mut groups = SameAttributes::default();
        groups.add(attributes(json!({"a": 1})), item("1"));
        groups.add(attributes(json!({"b": [2], "a": 1})), item("2"));
        groups.add_unstated(all, item("3"));
        groups.add_unstated(|| panic!("they are made once"), item("4"));
        groups.add(attributes(json!({"a": 1.0})), item("5"));
        groups.add(attributes(json!({})), item("6"));
        groups.add(attributes(json!({"a": 1})), item("7"));
        let ids: Vec<Vec<String>> = groups
            .into_groups()
            .into_iter()
            .map(|(_, items)| items.into_iter().map(|item| item.id).collect())
            .collect();
        assert_eq!(ids, [vec!["1", "7"], vec!["2", "3", "4"], vec!["5"], vec!["6"]]);
    }
}
