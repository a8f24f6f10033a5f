//! The patterns, segment by segment.
#![deny(clippy::disallowed_methods)]

use std::{collections::HashMap, hash::BuildHasherDefault};

use super::shard::{Hashed, hash};
use crate::gateway::pattern::{self, Segment};

/// A tree of patterns. Its leaves are numbers.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// The ways by a literal, of all nodes: by node and text. Where two have one hash, the second is kept under the
    /// next number.
    literals: HashMap<u64, Literal, BuildHasherDefault<Hashed>>,
}

#[derive(Clone, Debug)]
struct Literal {
    parent: u32,
    child: u32,
    text: Box<str>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    has_literals: bool,
    /// Longest first, so that `*.min.js` is tried before `*.js`.
    globs: Vec<(Box<str>, u32)>,
    one: Option<u32>,
    /// The leaf of a pattern that ends here with `**`.
    rest: Option<u32>,
    /// The leaf of a pattern that ends here.
    leaf: Option<u32>,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            literals: HashMap::default(),
        }
    }
}

impl Tree {
    /// Gives the leaf of a pattern, which is `new` where the pattern was not there.
    pub(super) fn insert(&mut self, segments: &[Segment], new: u32) -> u32 {
        let mut node = 0;
        for segment in segments {
            match segment {
                Segment::Rest => return *self.nodes[node as usize].rest.get_or_insert(new),
                other => node = self.child(node, other),
            }
        }
        *self.nodes[node as usize].leaf.get_or_insert(new)
    }

    /// The leaf of the narrowest pattern that fits.
    pub(super) fn find<'a>(&self, segments: impl Iterator<Item = &'a str> + Clone) -> Option<u32> {
        self.walk(0, segments)
    }

    /// Each node is reached on one way only, so a look-up visits no node twice however the patterns are made.
    fn walk<'a>(&self, node: u32, mut segments: impl Iterator<Item = &'a str> + Clone) -> Option<u32> {
        let place = node;
        let node = &self.nodes[node as usize];
        let Some(first) = segments.next() else {
            return node.leaf.or(node.rest);
        };
        let literal = || {
            let child = if node.has_literals {
                self.literal(place, first).1
            } else {
                None
            };
            child.and_then(|child| self.walk(child, segments.clone()))
        };
        let glob = || {
            let fits = |(glob, _): &&(Box<str>, u32)| pattern::glob_matches(glob, first);
            node.globs
                .iter()
                .filter(fits)
                .find_map(|(_, child)| self.walk(*child, segments.clone()))
        };
        let one = || {
            node.one
                .filter(|_| !first.is_empty())
                .and_then(|child| self.walk(child, segments.clone()))
        };
        literal().or_else(glob).or_else(one).or(node.rest)
    }

    /// The node that a literal leads to, and the number under which that is kept or is to be kept.
    fn literal(&self, parent: u32, text: &str) -> (u64, Option<u32>) {
        // The golden ratio spreads neighbours.
        let mut at = hash(text) ^ u64::from(parent).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        loop {
            match self.literals.get(&at) {
                None => return (at, None),
                Some(known) if known.parent == parent && *known.text == *text => {
                    return (at, Some(known.child));
                }
                Some(_) => at = at.wrapping_add(1),
            }
        }
    }

    fn child(&mut self, parent: u32, segment: &Segment) -> u32 {
        // Four billion nodes do not fit in memory, so the last index is never reached.
        let next = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let child = match segment {
            Segment::Literal(text) => self.literal_child(parent, text, next),
            Segment::Glob(text) => {
                let globs = &mut self.nodes[parent as usize].globs;
                match globs.iter().find(|(known, _)| known == text) {
                    Some((_, child)) => *child,
                    None => {
                        let at = globs.partition_point(|(known, _)| known.len() >= text.len());
                        globs.insert(at, (text.clone(), next));
                        next
                    }
                }
            }
            Segment::One | Segment::Rest => *self.nodes[parent as usize].one.get_or_insert(next),
        };
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }

    fn literal_child(&mut self, parent: u32, text: &str, next: u32) -> u32 {
        let (at, known) = self.literal(parent, text);
        if let Some(known) = known {
            return known;
        }
        self.nodes[parent as usize].has_literals = true;
        let literal = Literal {
            parent,
            child: next,
            text: text.into(),
        };
        self.literals.insert(at, literal);
        next
    }
}
