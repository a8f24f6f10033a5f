//! Where a hole that sets names ends: behind the last node that uses one of these names.

use std::{cell::OnceCell, collections::HashMap};

use crate::{
    expression_names::WHOLE_CONTEXT,
    site::{File, visit},
    tree::{Node, SectionKind},
};

use super::region_names::{Regions, leaked_sets};

/// For each name, the last node of a list that uses it. It is computed when it is first asked for.
pub(super) struct LastUsed<'n> {
    nodes: &'n [Node],
    at: OnceCell<HashMap<String, usize>>,
}

impl<'n> LastUsed<'n> {
    pub(super) fn of(nodes: &'n [Node]) -> Self {
        Self {
            nodes,
            at: OnceCell::new(),
        }
    }

    /// The end of a hole that begins with the node at `start`: behind the last node that uses a name which the hole sets.
    pub(super) fn end(&self, regions: &Regions<'_>, index: usize, file: &File<'_>, start: usize) -> usize {
        let at = self.at.get_or_init(|| last_uses(regions, file, self.nodes));
        let used_by_children = regions.used_by_children(index);
        let mut end = start + 1;
        let mut next = start;
        while next < end {
            for (name, _) in leaked_sets(&self.nodes[next..=next]) {
                if used_by_children.contains(name) {
                    return self.nodes.len();
                }
                let last = [name, WHOLE_CONTEXT]
                    .into_iter()
                    .filter_map(|name| at.get(name))
                    .max();
                end = end.max(last.map_or(0, |last| last + 1));
            }
            next += 1;
        }
        end
    }
}

fn last_uses(regions: &Regions<'_>, file: &File<'_>, nodes: &[Node]) -> HashMap<String, usize> {
    let mut at = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        let node = std::slice::from_ref(node);
        // Another template may replace the content of a block, and use any name in it: a block counts as a use of all
        // names.
        if has_block(node) {
            at.insert(WHOLE_CONTEXT.to_owned(), index);
        }
        at.extend(regions.names(file, node).into_iter().map(|name| (name, index)));
    }
    at
}

fn has_block(nodes: &[Node]) -> bool {
    let mut found = false;
    visit(nodes, &mut |node| {
        found |= matches!(node, Node::Section(section) if section.kind == SectionKind::Block);
    });
    found
}
