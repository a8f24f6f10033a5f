#![doc = include_str!("../explain/half-delimiter.md")]
#![deny(clippy::disallowed_methods)]

use crate::{problem::Problem, site::File, slips, tag_prefix};

/// Reports the halves of delimiters in the text of a file that can be read.
pub(super) fn check(file: &File<'_>) -> Vec<Problem> {
    if !file.tree.stray_braces {
        return Vec::new();
    }
    let text = &file.source.text;
    slips::half_delimiters(file.id, text, tag_prefix::prefix(text))
}
