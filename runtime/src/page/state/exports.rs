//! The attributes that fragments export to the page, and when each is settled (design section 5).
//!
//! An export is settled when no open slot and no open hole can set it any more.
#![deny(clippy::disallowed_methods)]

use tera::Value;

use crate::page::plan::NameId;

#[derive(Debug, Default)]
pub(crate) struct Exports(Vec<Entry>);

#[derive(Clone, Debug, Default)]
struct Entry {
    /// Whether fragments of this page may export it. Otherwise it is an ordinary attribute here.
    known: bool,
    /// How many open sites can export it.
    open: usize,
    /// Decided to be `none` although a site that can export it is open: the open sites wait for each other.
    forced: bool,
    value: Option<Value>,
}

impl Exports {
    /// For `count` names. Fragments of this page may export those in `known`.
    pub(crate) fn new(count: usize, known: &[NameId]) -> Self {
        let mut exports = Self(vec![Entry::default(); count]);
        for &name in known {
            exports.entry(name, |entry| entry.known = true);
        }
        exports
    }

    /// A site that can export `names` was found.
    pub(crate) fn open(&mut self, names: &[NameId]) {
        for &name in names {
            self.entry(name, |entry| {
                entry.known = true;
                entry.open += 1;
            });
        }
    }

    /// The site that can export `names` is filled.
    pub(crate) fn close(&mut self, names: &[NameId]) {
        for &name in names {
            self.entry(name, |entry| entry.open = entry.open.saturating_sub(1));
        }
    }

    /// A fragment exported `value`. The first value stays. The compiler makes sure that there is no second.
    pub(crate) fn give(&mut self, name: NameId, value: Value) {
        self.entry(name, |entry| {
            if !entry.forced && entry.value.is_none() {
                entry.value = Some(value);
            }
        });
    }

    /// Decides that the open exports among `names` are `none`.
    pub(crate) fn force(&mut self, names: &[NameId]) {
        for &name in names {
            self.entry(name, |entry| entry.forced = true);
        }
    }

    /// Whether `name` will not change any more.
    pub(crate) fn is_settled(&self, name: NameId) -> bool {
        self.0
            .get(name)
            .is_none_or(|entry| entry.forced || entry.open == 0)
    }

    /// The value of `name`; Tera's `none` where no fragment exported one. `None`: it is an ordinary attribute.
    pub(crate) fn value(&self, name: NameId) -> Option<Value> {
        let entry = self.0.get(name).filter(|entry| entry.known)?;
        Some(entry.value.clone().unwrap_or_else(Value::none))
    }

    /// The settled exports.
    pub(crate) fn settled(&self) -> impl Iterator<Item = (NameId, Value)> {
        (0..self.0.len())
            .filter(|&name| self.is_settled(name))
            .filter_map(|name| Some((name, self.value(name)?)))
    }

    fn entry(&mut self, name: NameId, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.0.get_mut(name) {
            change(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_settled_when_nothing_open_can_give_it() {
        let mut exports = Exports::new(1, &[]);
        assert!(exports.is_settled(0));
        assert_eq!(exports.value(0), None);
        exports.open(&[0]);
        exports.open(&[0]);
        exports.close(&[0]);
        assert!(!exports.is_settled(0));
        exports.give(0, Value::from("a"));
        exports.close(&[0]);
        assert!(exports.is_settled(0));
        assert_eq!(exports.value(0), Some(Value::from("a")));
    }

    #[test]
    fn an_export_that_did_not_come_is_none() {
        let exports = Exports::new(2, &[1]);
        assert_eq!(exports.value(1), Some(Value::none()));
        assert_eq!(exports.settled().collect::<Vec<_>>(), [(1, Value::none())]);
    }

    #[test]
    fn what_was_decided_stays() {
        let mut exports = Exports::new(1, &[]);
        exports.open(&[0]);
        exports.force(&[0]);
        assert!(exports.is_settled(0));
        exports.give(0, Value::from("late"));
        assert_eq!(exports.value(0), Some(Value::none()));
    }
}
