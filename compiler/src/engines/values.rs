//! What the idioms of other engines have in common: prints, names, files and expressions.

use super::{Meant, expression::rewritten, predicates};
use crate::source::Span;

/// An idiom, and where it stands.
pub(super) type Found = (Span, Meant);

/// A print of another engine.
pub(super) struct Print<'t> {
    /// All of it.
    pub(super) shown: &'t str,
    /// The text between its delimiters.
    pub(super) inside: &'t str,
    /// The dashes of its beginning and its end.
    pub(super) dashes: (&'t str, &'t str),
}

impl Print<'_> {
    /// The help that says to print `expression` instead.
    pub(super) fn write(&self, expression: &str) -> String {
        let (before, behind) = self.dashes;
        format!("write `{{{{{before} {} {behind}}}}}`", expression.trim())
    }
}

/// The path of a template without its quotes or ending.
pub(super) fn file(name: &str) -> String {
    let name = name.trim_matches(['"', '\'', '`', ' ']);
    if name.contains('.') {
        name.to_owned()
    } else {
        format!("{name}.html")
    }
}

/// A condition as Tera writes it.
pub(super) fn condition(text: &str) -> String {
    rewritten(text, true).unwrap_or_else(|| text.to_owned())
}

/// An expression of another language, without the signs that Tera's names lack.
pub(super) fn plain(text: &str) -> String {
    let text = text.trim().trim_end_matches(';').trim();
    let text = text.replace(['$', '@'], "");
    let text = predicates::written(&text).unwrap_or(text);
    rewritten(&text, true).unwrap_or(text)
}
