//! The meaning of the templates: each page as Tera will render it, with its parents, includes and components.
#![deny(clippy::disallowed_methods)]

mod attributes;
mod bodies;
mod branches;
mod checked;
mod components;
mod needs;
mod path;
mod prints_unchanged;
mod rust_name;
mod scope;
mod unit;
mod walk;

use std::{borrow::Cow, collections::HashSet, rc::Rc};

use hydra_contract::Mode;

use crate::{
    fragment::Item,
    source::{Location, SourceId},
    tree::{Form, FragmentNode},
};

pub(crate) use attributes::{PageAttribute, PageAttributes};
pub(crate) use branches::Branches;
pub(crate) use checked::{
    CheckedForm, CheckedFragment, CheckedModel, CheckedOffer, CheckedPage, Flow, NeededAttribute,
};
pub(crate) use components::{Component, Components};
pub(crate) use components::{calls as called_components, definitions as component_definitions};
pub(crate) use needs::{GroupId, Need, Needs};
pub(crate) use path::Owner;
pub(crate) use rust_name::{rust_name, snake_case};
pub(crate) use unit::{Unit, UnitKind, units};
pub(crate) use walk::walk;

/// A page, an offered fragment, or the components of a file: what is rendered as one.
#[derive(Debug, Default)]
pub(crate) struct Page<'n> {
    /// The attributes that its handler provides.
    pub attributes: PageAttributes,
    /// Its fragments, in document order. A fragment that two includes bring in is listed twice.
    pub tags: Vec<FragmentTag<'n>>,
    /// Its forms, in document order.
    pub forms: Vec<FormUse<'n>>,
    /// The uses of names that the page does not set itself, in document order.
    pub uses: Vec<NameUse<'n>>,
    /// The names that a `set` gives to the whole page.
    pub sets: Vec<(&'n str, Location)>,
    /// The dependencies of its fragments and values.
    pub needs: Needs<'n>,
    /// The branches in which its parts stand.
    pub branches: Branches,
    /// `super()` and blocks that stand under a condition.
    pub structures: Vec<Structure>,
    /// Names that are set in a block and used outside of it.
    pub leaks: Vec<Leak<'n>>,
    /// The expressions that name a field that their values lack, in document order.
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
    /// Its number in the order of the page.
    pub order: u32,
    /// The includes and calls that bring it into the page.
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
    /// The beginning of the opening tag of a `<form>` around it, in any file of the page.
    pub form: Option<Location>,
    /// The names that must have values before the fragment can be requested.
    pub group: GroupId,
    /// Where the value of each item of its `imports` comes from.
    pub imports: Vec<ImportOrigin>,
}

/// An element with `m:action` on a page.
#[derive(Debug)]
pub(crate) struct FormUse<'n> {
    /// The file in which it stands.
    pub source: SourceId,
    /// The form.
    pub form: &'n Form,
    /// The beginning of the opening tag of a `<form>` in another file or component that brings it in.
    pub outer: Option<Location>,
    /// The includes and calls that bring it into the page.
    pub include_chain: IncludeChain,
    /// The branch in which it stands.
    pub branch: usize,
}

/// How a statement makes a value of a part of the page. Tera needs that value while it renders.
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
    /// The includes and calls that bring it into the page.
    pub include_chain: IncludeChain,
    /// Its number in the order of the page.
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
    /// In an expression that fails without a value.
    Expression,
    /// In an expression that works without a value: `x is defined`, or where a branch may have set the name.
    Lenient,
    /// In the imports of a fragment.
    Import,
    /// As a part of the whole context, which uses every name.
    Everything,
}

/// Something that can't wait for an export, under a condition.
#[derive(Debug)]
pub(crate) struct Structure {
    /// Where it stands.
    pub location: Location,
    /// Its name in messages, such as `super()`.
    pub what: &'static str,
    /// The names that the conditions around it need.
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
    /// The names that its value needs.
    pub group: GroupId,
}

/// A member of a value that its Rust type lacks.
#[derive(Debug)]
pub(crate) struct MissingField<'n> {
    /// The name.
    pub name: &'n str,
    /// Where it stands.
    pub location: Location,
    /// What lacks it.
    pub owner: Owner,
    /// The expression before it, and whether it and the member are all of theirs.
    pub value: (&'n str, bool),
    /// The includes and calls that bring it into the page.
    pub include_chain: IncludeChain,
}

/// The statements that bring a part into a page, the innermost first.
pub(crate) type IncludeChain = Option<Rc<IncludeStep>>;

/// A statement that brings another text into the page.
#[derive(Debug)]
pub(crate) struct IncludeStep {
    /// Where it stands.
    pub location: Location,
    /// The file or component that it brings in.
    pub target: IncludeTarget,
    /// The statements that bring the statement itself in.
    pub before: IncludeChain,
}

/// The file or component that a statement brings in.
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

    /// Its exports, each name once, since another rule reports a name that the list has twice.
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

    /// Whether its exports have one value for the whole page.
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
