#![doc = include_str!("../explain/fragment-as-text.md")]
//! ## Details
//!
//! The rule says nothing about a fragment in a comment: its author commented it out.
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::short,
    problem::{Code, Problem, counted},
    site::File,
    tree::FragmentNode,
};

pub(super) fn check(file: &File<'_>, _: &[&FragmentNode]) -> Vec<Problem> {
    let text = &file.source.text;
    let problem = |shown: &crate::parse::TextualFragment| {
        let tag = &text[shown.tag.range()];
        let inside = &text[shown.inside.range()];
        let (label, help) = match element(inside) {
            Some(name) => (
                format!("all in `{name}` is text to HTML"),
                format!("put the tag outside of `{name}`, or let the fragment bring the whole element"),
            ),
            None => (
                "this value is text to HTML".to_owned(),
                "import the value from a fragment that exports it, or let the fragment bring the whole element"
                    .to_owned(),
            ),
        };
        let message = format!(
            "`{}>` is text here: visitors see the tag, not the fragment",
            short(tag)
        );
        Problem::new(
            Code::FragmentAsText,
            message,
            shown.tag.at(file.id),
            "stays as it is written",
        )
        .label(shown.inside.at(file.id), label)
        .help(format!(
            "{help}. Where the tag is meant as text, write it in `{{% raw %}}`"
        ))
    };
    counted(file.tree.shown.iter().map(problem))
}

/// The element, for people. `None`: it is the value of an attribute.
fn element(inside: &str) -> Option<String> {
    let name = inside.strip_prefix('<')?;
    let end = name.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'));
    let name = &name[..end.unwrap_or(name.len())];
    Some(match name.starts_with('!') {
        true => short(inside),
        false => format!("<{}>", short(name)),
    })
}
