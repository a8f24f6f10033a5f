//! The names without a value while Tera renders: exports, and names that are set from exports.
//!
//! All parts of a template share `exports` and `derived` (`Rc`). Each part has only `given` and `settled` of its own: the
//! names that it no longer waits for.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use crate::{
    expression_names::{WHOLE_CONTEXT, any_word, names},
    fragment::{AttributeText, Fragment},
    model::spelled,
    site::visit,
    source::Span,
    tree::{Node, SectionKind},
};

use super::{
    Names,
    region_names::{leaked_sets, needed},
    text::Lowered,
};

/// The names that a part of a template has to wait for.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    exports: Rc<Names>,
    /// Exports that have values, or that a name of the template hides.
    given: Names,
    /// Names that are set from exports. A part that uses one waits for those exports, and sets it first.
    derived: Rc<BTreeMap<String, Rc<Derived>>>,
    /// Derived names that are set, or hidden.
    settled: Names,
    /// How many names were derived so far.
    count: usize,
}

/// A name that is set from exports.
#[derive(Debug)]
struct Derived {
    /// The exports.
    waits: Names,
    /// The names in its statement, derived ones as they are.
    needs: Names,
    /// The statement, lowered: it prints nothing.
    prelude: Lowered,
    /// The place among the others: a later one may use an earlier one.
    order: usize,
}

impl Waiting {
    pub(super) fn new(exports: Names) -> Self {
        Self {
            exports: Rc::new(exports),
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        // `given` holds only names of `exports`, and `settled` only names of `derived`: equal lengths mean equal
        // sets.
        self.exports.len() == self.given.len() && self.derived.len() == self.settled.len()
    }

    fn has_export(&self, name: &str) -> bool {
        self.exports.contains(name) && !self.given.contains(name)
    }

    fn derived(&self, name: &str) -> Option<&Rc<Derived>> {
        self.derived.get(name).filter(|_| !self.settled.contains(name))
    }

    /// The exports among these names.
    pub(super) fn exports_among(&self, names: &Names) -> Names {
        let exports = names.iter().filter(|name| self.has_export(name));
        exports.cloned().collect()
    }

    /// The exports that a part which uses `names` has to wait for. The whole context counts as all of them.
    pub(super) fn meet(&self, names: &Names) -> Names {
        if names.contains(WHOLE_CONTEXT) {
            return self.exports.difference(&self.given).cloned().collect();
        }
        let mut met = self.exports_among(names);
        for derived in names.iter().filter_map(|name| self.derived(name)) {
            met.extend(derived.waits.iter().cloned());
        }
        met
    }

    /// The same for the names in an expression.
    pub(super) fn meet_in(&self, text: &str, expression: Span) -> Names {
        // Most expressions use nothing that is waited for.
        if !any_word(text, expression, |name| self.concerns(name)) {
            return Names::new();
        }
        self.meet(&names(text, expression))
    }

    /// The same for the names that a fragment needs before it can be requested.
    pub(super) fn meet_needed(&self, text: &str, fragment: &Fragment) -> Names {
        let computed = [&fragment.service, &fragment.reference].into_iter().flatten();
        let is_computed = computed
            .into_iter()
            .any(|value| matches!(value.value, AttributeText::Expression(_)));
        let imports = &fragment.imports;
        if !is_computed && !imports.iter().any(|item| self.concerns(&spelled(item.root()))) {
            return Names::new();
        }
        self.meet(&needed(text, fragment))
    }

    fn concerns(&self, name: &str) -> bool {
        name == WHOLE_CONTEXT || self.has_export(name) || self.derived(name).is_some()
    }

    /// Whether a name among these is set from exports.
    pub(super) fn derives(&self, names: &Names) -> bool {
        names.iter().any(|name| self.derived(name).is_some())
    }

    /// All names that a part which uses `names` needs, with those from which derived names are set.
    pub(super) fn reach(&self, mut names: Names) -> Names {
        let mut open: Vec<&Derived> = names
            .iter()
            .filter_map(|name| self.derived(name))
            .map(Rc::as_ref)
            .collect();
        while let Some(derived) = open.pop() {
            for name in &derived.needs {
                if names.insert(name.clone()) {
                    open.extend(self.derived(name).map(Rc::as_ref));
                }
            }
        }
        names
    }

    /// The same without names that are bound anew.
    pub(super) fn without(&self, bound: &[String]) -> Waiting {
        let mut less = self.clone();
        for name in bound {
            less.drop_export(name);
            less.drop_derived(name);
        }
        less
    }

    /// The names that are left to wait for once `waits` have values, for a region that uses `names`; and the statements that set the
    /// derived names which it uses.
    pub(super) fn settled(&self, waits: &Names, names: &Names) -> (Waiting, Lowered) {
        let mut left = self.clone();
        for name in waits {
            left.drop_export(name);
        }
        let found = names.iter().filter_map(|name| Some((name, self.derived(name)?)));
        let mut ready: Vec<_> = found
            .filter(|(_, derived)| derived.waits.is_subset(waits))
            .collect();
        ready.sort_by_key(|(_, derived)| derived.order);
        let mut prelude = Lowered::default();
        for (name, derived) in ready {
            prelude.append(&derived.prelude);
            left.drop_derived(name);
        }
        (left, prelude)
    }

    /// Adds a name that is set from exports. `needs`: the names in its statement.
    pub(super) fn derive(&mut self, name: &str, waits: Names, needs: Names, prelude: Lowered) {
        let order = self.count;
        self.count += 1;
        self.settled.remove(name);
        let derived = Derived {
            waits,
            needs,
            prelude,
            order,
        };
        Rc::make_mut(&mut self.derived).insert(name.to_owned(), Rc::new(derived));
    }

    fn drop_export(&mut self, name: &str) {
        if self.exports.contains(name) {
            self.given.insert(name.to_owned());
        }
    }

    fn drop_derived(&mut self, name: &str) {
        if self.derived.contains_key(name) {
            self.settled.insert(name.to_owned());
        }
    }
}

/// Where the names of a list are bound for the last time.
pub(super) struct LastBound<'n> {
    at: HashMap<&'n str, usize>,
}

impl<'n> LastBound<'n> {
    pub(super) fn of(nodes: &'n [Node]) -> Self {
        let mut at = HashMap::new();
        for (index, node) in nodes.iter().enumerate() {
            visit(std::slice::from_ref(node), &mut |node| match node {
                Node::Set(set) => {
                    at.insert(set.name.as_str(), index);
                }
                Node::For(repeat) => at.extend(repeat.names.iter().map(|name| (name.as_str(), index))),
                Node::Section(section)
                    if matches!(section.kind, SectionKind::Capture | SectionKind::CaptureGlobal) =>
                {
                    at.insert(section.name.as_str(), index);
                }
                _ => {}
            });
        }
        Self { at }
    }

    fn is_behind(&self, name: &str, index: usize) -> bool {
        self.at.get(name).is_some_and(|last| *last > index)
    }
}

/// The name that the node at `index` of a list sets, if its statement may be repeated wherever the name is used: the
/// list binds neither this name nor one of `needs`, the names in its value, again further on, and the value needs
/// neither `loop`, nor the name itself, nor the whole context.
pub(super) fn derivable<'n>(
    node: &'n Node,
    index: usize,
    needs: &Names,
    bound: &LastBound<'_>,
) -> Option<&'n str> {
    let name = match node {
        Node::Set(set) if !set.global => set.name.as_str(),
        Node::Section(section)
            if section.kind == SectionKind::Capture && leaked_sets(&section.body).is_empty() =>
        {
            section.name.as_str()
        }
        _ => return None,
    };
    let fixed = ["loop", name, WHOLE_CONTEXT]
        .iter()
        .any(|name| needs.contains(*name));
    let again = || needs.iter().any(|name| bound.is_behind(name, index));
    (!fixed && !bound.is_behind(name, index) && !again()).then_some(name)
}
