//! The meaning of the templates: each page as Tera will render it, with its parents, includes and components.
#![deny(clippy::disallowed_methods)]

mod attributes;
mod bodies;
mod branches;
mod checked;
mod components;
mod needs;
mod path;
mod rust_name;
mod scope;
mod unit;
mod walk;
mod whole;

use std::{borrow::Cow, collections::HashSet, rc::Rc};

use hydra_contract::Mode;

use crate::{
    fragment::Item,
    shape::StructShape,
    source::{Location, SourceId},
    tree::FragmentNode,
};

pub(crate) use attributes::{PageAttribute, PageAttributes};
pub(crate) use branches::Branches;
pub(crate) use checked::{CheckedFragment, CheckedModel, CheckedOffer, CheckedPage, Flow, NeededAttribute};
pub(crate) use components::{Component, Components};
pub(crate) use components::{calls as called_components, definitions as component_definitions};
pub(crate) use needs::{GroupId, Need, Needs};
pub(crate) use rust_name::{rust_name, snake_case};
pub(crate) use unit::{Unit, UnitKind, units};
pub(crate) use walk::walk;

/// A page, an offered fragment, or the components of a file: what is rendered as one.
#[derive(Debug, Default)]
pub(crate) struct Page<'n> {
    /// What its handler gives it.
    pub attributes: PageAttributes,
    /// Its fragments, in document order. One that comes in twice through includes is there twice.
    pub tags: Vec<FragmentTag<'n>>,
    /// Where it uses names that it does not set itself, in document order.
    pub uses: Vec<NameUse<'n>>,
    /// The names that a `set` gives to the whole page.
    pub sets: Vec<(&'n str, Location)>,
    /// What its fragments and values depend on.
    pub needs: Needs<'n>,
    /// The branches in which its parts stand.
    pub branches: Branches,
    /// `super()` and blocks that stand under a condition.
    pub structures: Vec<Structure>,
    /// Names that are set in a block and used outside of it.
    pub leaks: Vec<Leak<'n>>,
    /// Where it asks a Rust struct for a field that it has not, in document order.
    pub missing_fields: Vec<MissingField<'n>>,
    /// Where the walk stopped, because the includes of the page nest too deep or multiply.
    pub cut_short: Option<Location>,
}

/// A `<m:fragment>` on a page.
#[derive(Debug)]
pub(crate) struct FragmentTag<'n> {
    /// The file in which it stands.
    pub source: SourceId,
    /// The tag.
    pub node: &'n FragmentNode,
    /// Where in the page's order it stands.
    pub order: u32,
    /// The includes and calls through which it came in.
    pub include_chain: IncludeChain,
    /// The branch in which it stands.
    pub branch: usize,
    /// The `{% for %}` around it.
    pub looped: Option<Location>,
    /// The outermost statement that makes a value of it, and how.
    pub capture: Option<(Location, CaptureKind)>,
    /// The innermost tag of a fragment that comes after the page, in whose fallback it stands.
    pub later: Option<(Location, Mode)>,
    /// The component that it is part of.
    pub component: Option<&'n str>,
    /// What must be there before it can be asked for.
    pub group: GroupId,
    /// What each item of its `imports` is.
    pub imports: Vec<ImportOrigin>,
}

/// How a statement makes a value of a part of the page, which has to be there while Tera renders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CaptureKind {
    /// A filter section.
    Filter,
    /// A `set` block.
    Variable,
    /// An expression with `super()` that does not print it alone.
    Super,
    /// An expression with a component that does not print it alone.
    Call,
    /// The body of a call, of which the component makes a value here.
    Body(Location),
}

/// Where the value of an import comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImportOrigin {
    /// The page: an attribute of its own, or an export.
    Page,
    /// A `set`, a loop variable or an argument.
    Template,
    /// A `set` in some branches only, here.
    Maybe(Location),
}

/// A use of a name that the template does not set for certain.
#[derive(Debug)]
pub(crate) struct NameUse<'n> {
    /// The name, as Tera spells it.
    pub name: Cow<'n, str>,
    /// Where it stands.
    pub location: Location,
    /// The includes and calls through which it came in.
    pub include_chain: IncludeChain,
    /// Where in the page's order it stands.
    pub order: u32,
    /// The branch in which it stands.
    pub branch: usize,
    /// How it is used.
    pub kind: UseKind,
    /// The component that it is part of.
    pub component: Option<&'n str>,
}

/// How a name is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UseKind {
    /// In an expression: without a value Tera fails.
    Expression,
    /// In an expression that does without a value: `x is defined`, or where a branch may have set it.
    Lenient,
    /// In the imports of a fragment.
    Import,
    /// As the whole context: every name.
    Everything,
}

/// Something that can't wait for an export, under a condition.
#[derive(Debug)]
pub(crate) struct Structure {
    /// Where it stands.
    pub location: Location,
    /// What it is, for people: `super()`.
    pub what: &'static str,
    /// What the conditions around it need.
    pub group: GroupId,
}

/// A name that leaves the block in which it is set.
#[derive(Debug)]
pub(crate) struct Leak<'n> {
    /// The name.
    pub name: &'n str,
    /// Where it is set.
    pub set: Location,
    /// Where it is used.
    pub used: Location,
    /// What its value needs.
    pub group: GroupId,
}

/// A member of a value that its Rust type lacks.
#[derive(Debug)]
pub(crate) struct MissingField<'n> {
    /// The name.
    pub name: &'n str,
    /// Where it stands.
    pub location: Location,
    /// The struct.
    pub owner: StructShape,
    /// The includes and calls through which it came in.
    pub include_chain: IncludeChain,
}

/// The statements through which a part of a page came in, the last one first.
pub(crate) type IncludeChain = Option<Rc<IncludeStep>>;

/// A statement that brings another text into the page.
#[derive(Debug)]
pub(crate) struct IncludeStep {
    /// Where it stands.
    pub location: Location,
    /// What comes in.
    pub target: IncludeTarget,
    /// How the statement itself came in.
    pub before: IncludeChain,
}

/// What a statement brings in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IncludeTarget {
    /// A file, by its index in the site.
    File(usize),
    /// A component.
    Component(String),
}

impl<'n> FragmentTag<'n> {
    /// Where its opening tag stands.
    #[must_use]
    pub(crate) fn location(&self) -> Location {
        self.node.open.at(self.source)
    }

    /// Its exports, each name once: a name that the list gives twice has its own report.
    pub(crate) fn exports(&self) -> impl Iterator<Item = &'n Item> + use<'n> {
        const FEW: usize = 16;
        let items = &self.node.fragment.exports;
        let mut seen = HashSet::new();
        let first = move |(index, item): &(usize, &'n Item)| match items.len() <= FEW {
            true => items[..*index]
                .iter()
                .all(|earlier| earlier.target() != item.target()),
            false => seen.insert(item.target()),
        };
        items.iter().enumerate().filter(first).map(|(_, item)| item)
    }

    /// Whether what it exports has one value for the page.
    #[must_use]
    pub(crate) fn may_export(&self) -> bool {
        self.looped.is_none() && self.component.is_none()
    }
}

/// A name as Tera spells it.
#[inline]
#[must_use]
pub(crate) fn spelled(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte == b'-') {
        Cow::Owned(crate::fragment::tera_name(name))
    } else {
        Cow::Borrowed(name)
    }
}
