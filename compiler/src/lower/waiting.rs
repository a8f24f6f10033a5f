//! What is not yet there while Tera renders: exports, and names that are set from exports.

use std::collections::BTreeMap;

use crate::{
    site::visit,
    tree::{Node, SectionKind},
    words::WHOLE_CONTEXT,
};

use super::{Names, region::leaked_sets};

/// The names that a part of a template has to wait for.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    /// Exports.
    pub(super) exports: Names,
    /// Names that are set from exports. Whoever uses one waits for those exports, and sets it first.
    derived: BTreeMap<String, Derived>,
}

/// A name that is set from exports.
#[derive(Clone, Debug)]
pub(super) struct Derived {
    /// The exports.
    pub(super) waits: Names,
    /// All names that the statements use.
    pub(super) needs: Names,
    /// The statement, lowered: it prints nothing.
    pub(super) prelude: String,
    /// The place among the others: a later one may use an earlier one.
    order: usize,
}

impl Waiting {
    pub(super) fn new(exports: Names) -> Self {
        Self {
            exports,
            derived: BTreeMap::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exports.is_empty() && self.derived.is_empty()
    }

    /// The exports that someone who uses `names` has to wait for. The whole context stands for all of them.
    pub(super) fn meet(&self, names: &Names) -> Names {
        if names.contains(WHOLE_CONTEXT) {
            return self.exports.clone();
        }
        let derived = names
            .iter()
            .filter_map(|name| self.derived.get(name))
            .flat_map(|derived| &derived.waits);
        self.exports.intersection(names).chain(derived).cloned().collect()
    }

    /// Whether a name among these is set from exports.
    pub(super) fn derives(&self, names: &Names) -> bool {
        self.derived.keys().any(|name| names.contains(name))
    }

    /// All that someone who uses `names` uses: what derived names are set from, too.
    pub(super) fn reach(&self, mut names: Names) -> Names {
        let needs: Vec<&Names> = self
            .derived
            .iter()
            .filter(|(name, _)| names.contains(*name))
            .map(|(_, it)| &it.needs)
            .collect();
        names.extend(needs.into_iter().flatten().cloned());
        names
    }

    /// The same without names that are bound anew.
    pub(super) fn without(&self, bound: &[String]) -> Waiting {
        let mut less = self.clone();
        for name in bound {
            less.exports.remove(name);
            less.derived.remove(name);
        }
        less
    }

    /// What is left to wait for once `waits` are there, for a region that uses `names`; and the statements that set the
    /// derived names which it uses.
    pub(super) fn settled(&self, waits: &Names, names: &Names) -> (Waiting, String) {
        let mut left = self.clone();
        left.exports.retain(|name| !waits.contains(name));
        let mut ready: Vec<(&String, &Derived)> = self
            .derived
            .iter()
            .filter(|(name, derived)| names.contains(*name) && derived.waits.is_subset(waits))
            .collect();
        ready.sort_by_key(|(_, derived)| derived.order);
        let mut prelude = String::new();
        for (name, derived) in ready {
            prelude.push_str(&derived.prelude);
            left.derived.remove(name);
        }
        (left, prelude)
    }

    /// Adds a name that is set from exports. `needs` holds what the derived names behind it need, too: whoever uses it
    /// says their statements first.
    pub(super) fn derive(&mut self, name: &str, waits: Names, needs: Names, prelude: String) {
        let order = self.derived.len();
        self.derived.insert(
            name.to_owned(),
            Derived {
                waits,
                needs,
                prelude,
                order,
            },
        );
    }
}

/// The name that a node sets and nothing else does, in a list that goes on with `rest`: its statement may be said again
/// wherever the name is used. `needs`: the names in its value.
pub(super) fn derivable<'n>(node: &'n Node, needs: &Names, rest: &[Node]) -> Option<&'n str> {
    let name = match node {
        Node::Set(set) if !set.global => set.name.as_str(),
        Node::Section(section)
            if section.kind == SectionKind::Capture && leaked_sets(&section.body).is_empty() =>
        {
            section.name.as_str()
        }
        _ => return None,
    };
    let mut again = needs.contains("loop") || needs.contains(name) || needs.contains(WHOLE_CONTEXT);
    let mut binds = |bound: &str| again |= bound == name || needs.contains(bound);
    visit(rest, &mut |node| match node {
        Node::Set(set) => binds(&set.name),
        Node::For(repeat) => repeat.names.iter().for_each(|name| binds(name)),
        Node::Section(section)
            if matches!(section.kind, SectionKind::Capture | SectionKind::CaptureGlobal) =>
        {
            binds(&section.name);
        }
        _ => {}
    });
    (!again).then_some(name)
}
