//! Names of functions, filters, tests, components and blocks that do not exist.
#![deny(clippy::disallowed_methods)]

use crate::source::Span;

/// The kind of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NameKind {
    Function,
    Filter,
    Test,
    Component,
    Block,
}

/// A name that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnknownName<'t> {
    pub(super) kind: NameKind,
    pub(super) name: &'t str,
    /// Where it stands in the file.
    pub(super) span: Span,
}
