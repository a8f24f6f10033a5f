//! `empty-fallback`: a fragment without a fallback.
//!
//! **Why it matters.** When the owner is away the page has a hole in that place, and visitors don't know why.
//!
//! **Bad**
//! ```html
//! <m:fragment service="orders" ref="checkout"/>
//! ```
//! **Good**
//! ```html
//! <m:fragment service="orders" ref="checkout">Your order is not available right now</m:fragment>
//! ```
//! A `required` fragment needs none: without it the page is not shown at all.
#![deny(clippy::disallowed_methods)]

use crate::{
    problem::{Code, Problem, collect_bounded},
    site::File,
    tree::FragmentNode,
};

use super::{build::has_content, subject::tag_title};

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
