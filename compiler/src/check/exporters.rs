//! The exported names of a page, each with the tags that export it.
#![deny(clippy::disallowed_methods)]

use std::borrow::Cow;

use crate::{
    fragment::Item,
    model::{Page, spelled},
};

/// A tag that exports a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exporter<'p> {
    /// The index of the tag.
    pub(super) tag: usize,
    /// The item of its list.
    pub(super) item: &'p Item,
}

/// The exported names of a page, as Tera spells them, each with the tags that export it.
#[derive(Debug)]
pub(super) struct Exporters<'p> {
    /// In the order of their names, those of one name in document order.
    all: Vec<Exporter<'p>>,
    /// The names in their order, each with the end of its row in `all`.
    names: Vec<(Cow<'p, str>, usize)>,
    /// By byte: whether an exported name begins with it. Most names on a page are not exported, and for most of these
    /// the first byte already shows it.
    firsts: [bool; 256],
}

impl<'p> Exporters<'p> {
    /// The names that the tags of a page export.
    pub(super) fn of(page: &Page<'p>) -> Self {
        let mut found: Vec<(Cow<'p, str>, Exporter<'p>)> = Vec::with_capacity(page.tags.len());
        for (tag, node) in page.tags.iter().enumerate() {
            found.extend(
                node.exports()
                    .map(|item| (spelled(item.target()), Exporter { tag, item })),
            );
        }
        found.sort_by(|(one, _), (other, _)| (start(one), one).cmp(&(start(other), other)));
        let mut exporters = Exporters {
            all: Vec::with_capacity(found.len()),
            names: Vec::with_capacity(found.len()),
            firsts: [false; 256],
        };
        for (name, exporter) in found {
            exporters.all.push(exporter);
            let end = exporters.all.len();
            match exporters.names.last_mut() {
                Some((last, row)) if *last == name => *row = end,
                _ => {
                    exporters.firsts[first(&name)] = true;
                    exporters.names.push((name, end));
                }
            }
        }
        exporters
    }

    /// Whether no tag exports anything.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The tags that export a name, in document order.
    pub(super) fn get(&self, name: &str) -> &[Exporter<'p>] {
        self.place(name).map_or(&[], |index| self.row(index))
    }

    /// The place of a name in their order.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        if !self.firsts[first(name)] {
            return None;
        }
        self.names
            .binary_search_by(|(known, _)| known.as_ref().cmp(name))
            .ok()
    }

    /// The names in their order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, _)| name.as_ref())
    }

    /// The names in their order, each with the tags that export it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[Exporter<'p>])> {
        self.names()
            .enumerate()
            .map(|(index, name)| (name, self.row(index)))
    }

    fn row(&self, index: usize) -> &[Exporter<'p>] {
        let start = index.checked_sub(1).map_or(0, |before| self.names[before].1);
        &self.all[start..self.names[index].1]
    }
}

/// The first letters of a name as a number: most names are told by them, in the order of the names.
fn start(name: &str) -> u64 {
    let mut start = [0; 8];
    let length = name.len().min(start.len());
    start[..length].copy_from_slice(&name.as_bytes()[..length]);
    u64::from_be_bytes(start)
}

fn first(name: &str) -> usize {
    name.bytes().next().unwrap_or_default().into()
}
