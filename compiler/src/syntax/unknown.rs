//! Names that are not known.
#![deny(clippy::disallowed_methods)]

use crate::source::Span;

/// The kind of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Function,
    Filter,
    Test,
    Component,
    Block,
}

/// A name that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unknown<'t> {
    pub(super) kind: Kind,
    pub(super) name: &'t str,
    /// Where it stands in the file.
    pub(super) span: Span,
}
