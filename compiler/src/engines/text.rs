//! What other engines write that HTML and Tera take for text or for attributes.

use super::{
    Meant,
    attributes::attributes,
    blade::blade,
    elements::elements,
    embedded::embedded,
    values::{Found, plain},
};
use crate::{
    problem::{Code, Problem, collect_bounded},
    slips::{boundary, nearby, readable_tags},
    source::{SourceId, Span},
};

/// The idioms of other engines in the text and the tags of a file that Tera can read.
pub(crate) fn in_text(source: SourceId, text: &str, prefix: &str) -> Vec<Problem> {
    let mut found: Vec<Found> = Vec::new();
    let (tags, visible) = readable_tags(text, prefix);
    for (begin, end) in [("<%", "%>"), ("<?=", "?>"), ("<?php", "?>"), ("{!!", "!!}")] {
        between(text, &visible, (begin, end), &mut found, |inside| {
            embedded(begin, inside.trim())
        });
    }
    for (begin, end) in [("[[${", "}]"), ("[(${", "})")] {
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
    for tag in tags {
        attributes(text, tag, &mut found);
    }
    found.sort_by_key(|(span, _)| span.start);
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
        let meant = meant(&text[inside..inside + length]);
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
