//! The words that Tera's statements begin with.

use crate::{suggest::nearest, within::Within};

/// All of them.
pub(super) const KEYWORDS: [&str; 21] = [
    "if",
    "elif",
    "else",
    "endif",
    "for",
    "endfor",
    "break",
    "continue",
    "set",
    "set_global",
    "endset",
    "block",
    "endblock",
    "filter",
    "endfilter",
    "include",
    "extends",
    "raw",
    "endraw",
    "component",
    "endcomponent",
];

/// Whether a statement begins with this word.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

/// The keyword that a word was likely meant to be.
pub(super) fn nearest_keyword(word: &str) -> Option<&'static str> {
    nearest(word, KEYWORDS.iter().copied())
}

/// Whether a text begins as a statement does, behind its `{%`.
pub(super) fn begins_statement(content: &[u8]) -> bool {
    let start = content
        .iter()
        .position(|byte| !(byte.is_ascii_whitespace() || *byte == b'-'));
    let Some(start) = start else { return false };
    let rest = content.within(start..);
    let length = rest
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'));
    let word = rest.within(..length.unwrap_or(rest.len()));
    std::str::from_utf8(word).is_ok_and(is_keyword)
}
