#![doc = include_str!("../explain/other-engine.md")]
#![deny(clippy::disallowed_methods)]

use crate::{engines, problem::Problem, site::File, tag_prefix};

/// Reports what other engines write in the text and the tags of a file that can be read.
pub(super) fn check(file: &File<'_>) -> Vec<Problem> {
    let text = &file.source.text;
    if !file.tree.other_engine && !engines::may_be_blade(text) {
        return Vec::new();
    }
    engines::in_text(file.id, text, tag_prefix::prefix(text))
}
