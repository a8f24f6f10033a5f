//! The patterns, segment by segment.
#![deny(clippy::disallowed_methods)]

use std::{borrow::Cow, collections::HashMap};

use foldhash::fast::RandomState;

use crate::gateway::pattern::{self, Segment};

/// A tree of patterns. Its leaves are numbers.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    literals: HashMap<Box<str>, u32, RandomState>,
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
    pub(super) fn find(&self, segments: &[Cow<'_, str>]) -> Option<u32> {
        self.walk(0, segments)
    }

    /// Each node is reached on one way only, so a look-up visits no node twice however the patterns are made.
    fn walk(&self, node: u32, segments: &[Cow<'_, str>]) -> Option<u32> {
        let node = &self.nodes[node as usize];
        let Some((first, rest)) = segments.split_first() else {
            return node.leaf.or(node.rest);
        };
        let literal = || {
            node.literals
                .get(&**first)
                .and_then(|child| self.walk(*child, rest))
        };
        let glob = || {
            let fits = |(glob, _): &&(Box<str>, u32)| pattern::glob_matches(glob, first);
            node.globs
                .iter()
                .filter(fits)
                .find_map(|(_, child)| self.walk(*child, rest))
        };
        let one = || {
            node.one
                .filter(|_| !first.is_empty())
                .and_then(|child| self.walk(child, rest))
        };
        literal().or_else(glob).or_else(one).or(node.rest)
    }

    fn child(&mut self, parent: u32, segment: &Segment) -> u32 {
        // Four billion nodes do not fit in memory, so the last index is never reached.
        let next = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let node = &mut self.nodes[parent as usize];
        let child = match segment {
            Segment::Literal(text) => *node.literals.entry(text.clone()).or_insert(next),
            Segment::Glob(text) => match node.globs.iter().find(|(known, _)| known == text) {
                Some((_, child)) => *child,
                None => {
                    let at = node.globs.partition_point(|(known, _)| known.len() >= text.len());
                    node.globs.insert(at, (text.clone(), next));
                    next
                }
            },
            Segment::One | Segment::Rest => *node.one.get_or_insert(next),
        };
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }
}
