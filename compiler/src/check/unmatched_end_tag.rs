#![doc = include_str!("../explain/unmatched-end-tag.md")]
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::short,
    problem::{Code, Problem, collect_bounded},
    site::File,
};

/// Reports the end tags outside of all elements, in a file that offers fragments.
pub(super) fn check(file: &File<'_>) -> Vec<Problem> {
    let ends = file
        .tree
        .stray_ends
        .iter()
        .filter(|_| !file.tree.offers.is_empty());
    collect_bounded(ends, |end| {
        let message = format!("`{}` closes nothing", short(file.source.slice(*end)));
        Problem::new(
            Code::UnmatchedEndTag,
            message,
            end.at(file.id),
            "outside of all elements",
        )
        .help("remove it, or write the start tag of its element")
    })
}
