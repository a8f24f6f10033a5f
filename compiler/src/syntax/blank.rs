//! Hydra's tags blanked out, or left out with all other text.
#![deny(clippy::disallowed_methods)]

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::{
    fragment::Text,
    source::Span,
    tree::{FragmentNode, Node, Tree},
};

/// The text of a file with white space in place of Hydra's tags and attributes. The expressions of `ref` and `service` stay,
/// and so do fallbacks: they are Tera's. Every byte that stays keeps its place.
#[must_use]
pub(crate) fn blanked<'t>(tree: &Tree, text: &'t str) -> Cow<'t, str> {
    let mut spans = Vec::new();
    collect(&tree.nodes, false, &mut spans);
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut blanked = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        let (start, end) = (span.start as usize, span.end as usize);
        if start < at {
            continue;
        }
        blanked.push_str(text.get(at..start).unwrap_or_default());
        // Line ends stay, so that lines are the same.
        let gone = text.get(start..end).unwrap_or_default().bytes();
        blanked.extend(gone.map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        at = end;
    }
    blanked.push_str(text.get(at..).unwrap_or_default());
    Cow::Owned(blanked)
}

/// What Tera does not merely copy: a file without its text and Hydra's tags. Nothing in it keeps its place.
#[must_use]
pub(super) fn without_text(tree: &Tree, text: &str) -> String {
    let mut spans = Vec::new();
    collect(&tree.nodes, true, &mut spans);
    let mut left = String::new();
    let mut at = 0;
    for span in spans {
        left.push_str(text.get(at..span.start as usize).unwrap_or_default());
        at = at.max(span.end as usize);
    }
    left.push_str(text.get(at..).unwrap_or_default());
    left
}

/// The places of what is Hydra's, in order. `texts`: and those of texts.
fn collect(nodes: &[Node], texts: bool, spans: &mut Vec<Span>) {
    for node in nodes {
        match node {
            Node::Text(span) if texts => spans.push(*span),
            Node::Cut(span) => spans.push(*span),
            Node::Fragment(fragment) => {
                opening(fragment, spans);
                collect(&fragment.fallback, texts, spans);
                let start = fragment
                    .fallback
                    .last()
                    .map_or(fragment.open.end, |node| node.span().end);
                spans.push(Span {
                    start,
                    end: fragment.span.end,
                });
            }
            node if node.has_bodies() => node.bodies().for_each(|body| collect(body, texts, spans)),
            _ => {}
        }
    }
}

/// The opening tag, less its expressions.
fn opening(fragment: &FragmentNode, spans: &mut Vec<Span>) {
    let tag = &fragment.fragment;
    let mut expressions: SmallVec<[Span; 2]> = [&tag.service, &tag.reference]
        .into_iter()
        .flatten()
        .filter(|text| matches!(text.value, Text::Expression(_)))
        .map(|text| text.span)
        .collect();
    expressions.sort();
    let mut start = fragment.open.start;
    for expression in expressions {
        spans.push(Span {
            start,
            end: expression.start,
        });
        start = expression.end;
    }
    spans.push(Span {
        start,
        end: fragment.open.end,
    });
}
