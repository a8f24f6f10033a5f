//! What other engines write that HTML and Tera take for text or for attributes.

use super::{
    Meant,
    attributes::attributes,
    blade::blade,
    bound::bound,
    braces::braces,
    dollars::dollars,
    elements::elements,
    embedded::embedded,
    razor::razor,
    values::{Found, plain},
    velocity::velocity,
};
use crate::{
    problem::{Code, Problem, collect_bounded},
    slips::{boundary, nearby, readable_tags},
    source::{SourceId, Span},
    within::Within,
};

/// The idioms of other engines in the text and the tags of a file that Tera can read. `is_static`: whether no template has a script
/// that may give attributes such as `v-if` a meaning.
pub(crate) fn in_text(source: SourceId, text: &str, prefix: &str, is_static: bool) -> Vec<Problem> {
    let mut found: Vec<Found> = Vec::new();
    let (tags, visible) = readable_tags(text, prefix);
    for (begin, end) in [
        ("<%", "%>"),
        ("<?=", "?>"),
        ("<?php", "?>"),
        ("<? ", "?>"),
        ("{!!", "!!}"),
    ] {
        between(text, &visible, (begin, end), &mut found, |inside| {
            embedded(begin, inside.trim())
        });
    }
    for (begin, end) in [("[[${", "}]"), ("[(${", "})"), ("[[#{", "}]")] {
        between(text, &visible, (begin, end), &mut found, thymeleaf_text);
    }
    between(text, &visible, ("{@html ", "}"), &mut found, |inside| {
        Meant::new(
            "`{@html … }` means nothing here",
            format!("write `{{{{ {} | safe }}}}`", plain(inside)),
        )
    });
    blade(text, &visible, &mut found);
    elements(text, &visible, &mut found);
    for tag in &tags {
        attributes(text, *tag, &mut found);
        bound(text, *tag, is_static, &mut found);
    }
    razor(text, &visible, &mut found);
    // Scripts fill in templates of their own.
    let visible = without_templates(&visible);
    velocity(&visible, &mut found);
    let is_filled_by_script = [".bind=\"", "repeat.for=\""]
        .iter()
        .any(|attribute| visible.contains(attribute));
    if !is_filled_by_script {
        dollars(text, &visible, &tags, &mut found);
    }
    braces(text, &visible, &mut found);
    found.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
    let mut end = 0;
    // What stands in another idiom is a part of it.
    found.retain(|(span, _)| {
        let is_inside = span.start < end;
        end = end.max(span.end);
        !is_inside
    });
    collect_bounded(found, |(span, meant)| {
        Problem::new(
            Code::OtherEngine,
            meant.message,
            span.at(source),
            "visitors see it as it stands",
        )
        .help(meant.help)
    })
}

/// A text without what stands in `<template>` elements.
fn without_templates(visible: &str) -> String {
    let mut new = String::with_capacity(visible.len());
    let mut rest = visible;
    while let Some(start) = rest.find("<template") {
        let end = rest
            .within(start..)
            .find("</template")
            .map_or(rest.len(), |end| start + end);
        new.push_str(rest.within(..start));
        new.extend(std::iter::repeat_n('\u{1}', end - start));
        rest = rest.within(end..);
    }
    new.push_str(rest);
    new
}

/// What stands between two delimiters of another engine, as far as `meant` knows what it says.
fn between(
    text: &str,
    visible: &str,
    (begin, end): (&str, &str),
    found: &mut Vec<Found>,
    meant: impl Fn(&str) -> Option<Meant>,
) {
    let mut behind = 0;
    // Up to here it is known that no end follows.
    let mut endless = 0;
    for (at, _) in visible.match_indices(begin) {
        // What begins in another is a part of it.
        if at < behind {
            continue;
        }
        let inside = at + begin.len();
        let near = nearby(visible, inside).end as usize;
        let from = inside.max(endless);
        let Some(length) = visible.get(from..near).and_then(|rest| rest.find(end)) else {
            endless = boundary(visible, near.saturating_sub(end.len()));
            continue;
        };
        let length = from + length - inside;
        behind = inside + length + end.len();
        let meant = meant(text.within(inside..inside + length));
        found.extend(meant.map(|meant| (Span::new(at, behind), meant)));
    }
}

/// `[[${a}]]` and `[(${a})]`.
fn thymeleaf_text(inside: &str) -> Option<Meant> {
    Meant::new(
        "Thymeleaf's brackets mean nothing here",
        format!("write `{{{{ {} }}}}`", plain(inside)),
    )
}
