//! A tree of patterns, segment by segment.
#![deny(clippy::disallowed_methods)]

use std::{collections::HashMap, hash::BuildHasherDefault, iter::successors, num::NonZeroU32};

use super::hash::{Hashed, hash};
use super::pattern::{self, Segment};

/// Up to this many literals under one node are compared one by one: they are neighbours in memory, which a hash would
/// not find faster.
const FEW: u32 = 8;

/// A tree of patterns. Its leaves are numbers.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// The texts of all nodes. Those of one service are neighbours, as its nodes are.
    texts: String,
    /// The children by literal of nodes that have many, by node and text. If two have the same hash, the second is
    /// kept under the next number.
    many: HashMap<u64, Link, BuildHasherDefault<Hashed>>,
}

/// The index of a node. The first node is never a child.
type Link = NonZeroU32;

#[derive(Clone, Debug, Default)]
struct Node {
    parent: u32,
    /// The start and the end of the text of its segment, if it is a literal or a glob.
    text: (u32, u32),
    /// The next sibling of the same kind.
    next: Option<Link>,
    literals: u32,
    /// The first literal child, as long as there are few.
    literal: Option<Link>,
    /// The first glob child. Globs are sorted by length, longest first, so that `*.min.js` is tried before `*.js`.
    glob: Option<Link>,
    one: Option<Link>,
    /// The leaf of a pattern that ends here with `**`.
    rest: Option<u32>,
    /// The leaf of a pattern that ends here.
    leaf: Option<u32>,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            texts: String::new(),
            many: HashMap::default(),
        }
    }
}

impl Tree {
    /// Returns the leaf of a pattern, which is `new` if the tree did not have the pattern.
    pub(super) fn insert(&mut self, segments: &[Segment], new: u32) -> u32 {
        let mut at = 0;
        for segment in segments {
            at = match segment {
                Segment::Literal(text) => self.literal_child(at, text),
                Segment::Glob(text) => self.glob_child(at, text),
                Segment::One => self.one_child(at),
                Segment::Rest => return *self.nodes[at as usize].rest.get_or_insert(new),
            };
        }
        *self.nodes[at as usize].leaf.get_or_insert(new)
    }

    /// The leaf of the narrowest pattern that matches.
    pub(super) fn find<'a>(&self, segments: impl Iterator<Item = &'a str> + Clone) -> Option<u32> {
        self.walk(0, segments)
    }

    /// Each node has one parent, so a look-up visits no node twice, whatever the patterns are.
    fn walk<'a>(&self, at: u32, mut segments: impl Iterator<Item = &'a str> + Clone) -> Option<u32> {
        let node = &self.nodes[at as usize];
        let Some(first) = segments.next() else {
            return node.leaf.or(node.rest);
        };
        let below = |child: Link| self.walk(child.get(), segments.clone());
        let glob = || {
            self.chain(node.glob)
                .filter(|glob| pattern::glob_matches(self.text(*glob), first))
                .find_map(below)
        };
        let one = || node.one.filter(|_| !first.is_empty()).and_then(below);
        self.literal(at, first)
            .and_then(below)
            .or_else(glob)
            .or_else(one)
            .or(node.rest)
    }

    /// A node and its next siblings.
    fn chain(&self, first: Option<Link>) -> impl Iterator<Item = Link> {
        successors(first, |at| self.nodes[at.get() as usize].next)
    }

    fn text(&self, at: Link) -> &str {
        let (start, end) = self.nodes[at.get() as usize].text;
        &self.texts[start as usize..end as usize]
    }

    /// The child of a literal.
    fn literal(&self, parent: u32, text: &str) -> Option<Link> {
        let node = &self.nodes[parent as usize];
        if node.literals > FEW {
            self.among_many(parent, text).1
        } else {
            self.chain(node.literal).find(|child| self.text(*child) == text)
        }
    }

    /// The same if there are many, with the key under which the child is kept or must be kept.
    fn among_many(&self, parent: u32, text: &str) -> (u64, Option<Link>) {
        // The golden ratio spreads neighbours.
        let mut place = hash(text) ^ u64::from(parent).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        loop {
            match self.many.get(&place) {
                None => return (place, None),
                Some(child)
                    if self.nodes[child.get() as usize].parent == parent && self.text(*child) == text =>
                {
                    return (place, Some(*child));
                }
                Some(_) => place = place.wrapping_add(1),
            }
        }
    }

    fn literal_child(&mut self, parent: u32, text: &str) -> u32 {
        if let Some(known) = self.literal(parent, text) {
            return known.get();
        }
        let child = self.add(parent, text);
        let node = &mut self.nodes[parent as usize];
        node.literals += 1;
        if node.literals <= FEW {
            let next = node.literal.replace(child);
            self.nodes[child.get() as usize].next = next;
        } else {
            // The first literal beyond the limit moves the others along.
            let few = node.literal.take();
            for child in Vec::from_iter(self.chain(few).chain([child])) {
                let (place, _) = self.among_many(parent, self.text(child));
                self.many.insert(place, child);
            }
        }
        child.get()
    }

    fn glob_child(&mut self, parent: u32, text: &str) -> u32 {
        let first = self.nodes[parent as usize].glob;
        let known = self.chain(first).find(|glob| self.text(*glob) == text);
        if let Some(known) = known {
            return known.get();
        }
        let longer = self
            .chain(first)
            .take_while(|glob| self.text(*glob).len() >= text.len());
        let before = longer.last();
        let child = self.add(parent, text);
        let place = match before {
            Some(before) => &mut self.nodes[before.get() as usize].next,
            None => &mut self.nodes[parent as usize].glob,
        };
        let next = place.replace(child);
        self.nodes[child.get() as usize].next = next;
        child.get()
    }

    fn one_child(&mut self, parent: u32) -> u32 {
        if let Some(known) = self.nodes[parent as usize].one {
            return known.get();
        }
        let child = self.add(parent, "");
        self.nodes[parent as usize].one = Some(child);
        child.get()
    }

    fn add(&mut self, parent: u32, text: &str) -> Link {
        // Four billion nodes, or bytes of text, do not fit in memory, so the last number is never reached.
        let number = |len| u32::try_from(len).unwrap_or(u32::MAX);
        let child = Link::new(number(self.nodes.len())).unwrap_or(Link::MAX);
        let start = number(self.texts.len());
        self.texts.push_str(text);
        self.nodes.push(Node {
            parent,
            text: (start, number(self.texts.len())),
            ..Node::default()
        });
        child
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_literals_and_many_are_found_alike() {
        for count in [1, FEW, FEW + 1, 100] {
            let mut tree = Tree::default();
            let path = |number: u32| ["shop".to_owned(), format!("item-{number}"), "edit".to_owned()];
            for number in 0..count {
                let segments = path(number).map(|text| Segment::Literal(text.into()));
                assert_eq!(tree.insert(&segments, number), number);
                assert_eq!(tree.insert(&segments, 1_000), number, "it is there");
            }
            let find = |path: &[String]| tree.find(path.iter().map(String::as_str));
            for number in 0..count {
                assert_eq!(find(&path(number)), Some(number), "of {count}");
                assert_eq!(find(&path(number)[..2]), None);
            }
            assert_eq!(find(&path(count)), None);
        }
    }

    #[test]
    fn the_longest_glob_that_fits_is_the_first() {
        let globs = ["*.js", "*.min.js", "*", "a*.js", "*.css"];
        let mut tree = Tree::default();
        for (number, glob) in (0..).zip(globs) {
            tree.insert(&[Segment::Glob(glob.into())], number);
        }
        for (name, expected) in [("b.js", 0), ("a.min.js", 1), ("c", 2), ("a.js", 3), ("a.css", 4)] {
            assert_eq!(tree.find([name].into_iter()), Some(expected), "{name}");
        }
    }
}
