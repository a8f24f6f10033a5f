#![doc = include_str!("../explain/empty-fallback.md")]
//! ## Details
//!
//! A `required` fragment needs no fallback, because the page is not shown without it.
#![deny(clippy::disallowed_methods)]

use crate::{
    problem::{Code, Problem, collect_bounded},
    site::File,
    tree::FragmentNode,
};

use super::{build::has_content, rule_input::tag_title};

pub(super) fn check(file: &File<'_>, fragments: &[&FragmentNode]) -> Vec<Problem> {
    let text = &file.source.text;
    let empty = fragments
        .iter()
        .filter(|node| !node.fragment.required && !has_content(&node.fallback, text));
    collect_bounded(empty, |node| {
        let message = format!("{} has no fallback", tag_title(&node.fragment, text));
        Problem::new(
            Code::EmptyFallback,
            message,
            node.open.at(file.id),
            "shows nothing when its owner is away",
        )
        .help("write between the tags what visitors should see then, or make it `required`")
    })
}
