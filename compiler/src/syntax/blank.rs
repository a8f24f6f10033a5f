//! Hydra's tags blanked out, or left out with all other text.
#![deny(clippy::disallowed_methods)]

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::{
    delimiters::plain,
    fragment::Text,
    site::visit,
    source::Span,
    tree::{FragmentNode, Node, Reference, Tree},
};

/// The text of a file as Tera gets it, with stand-ins for the names of the files that it includes: all names of one length
/// become one, so that there are few templates to stand for them. Every byte keeps its place.
#[must_use]
pub(super) fn with_stand_ins<'t>(tree: &Tree, text: &'t str) -> Cow<'t, str> {
    if !tree.statements {
        return Cow::Borrowed(text);
    }
    let mut names = Vec::new();
    visit(&tree.nodes, &mut |node| {
        if let Node::Reference(reference) = node
            && !reference.extends
        {
            names.extend(name_span(text, reference));
        }
    });
    if names.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut named = String::with_capacity(text.len());
    let mut at = 0;
    for name in names {
        named.push_str(text.get(at..name.start as usize).unwrap_or_default());
        named.push_str(&stand_in(name.len()));
        at = name.end as usize;
    }
    named.push_str(text.get(at..).unwrap_or_default());
    Cow::Owned(named)
}

/// The name that stands for those of this length, in bytes.
pub(super) fn stand_in(length: usize) -> String {
    "\u{3}".repeat(length)
}

/// The span of the name in an `include`. It is `None` if the name is not a string, or if the string does not end at its second quote.
pub(super) fn name_span(text: &str, reference: &Reference) -> Option<Span> {
    let start = reference.open.inner.start as usize + 1;
    let name = Span::new(start, start + reference.name.len());
    let is_there = text.get(name.range()) == Some(reference.name.as_str());
    (is_there && !name.is_empty() && !reference.name.ends_with('\\')).then_some(name)
}

/// The text of a file with white space in place of Hydra's tags and attributes. The expressions of `ref` and `service` stay,
/// and so do fallbacks: they are Tera's. Every byte that stays keeps its place.
#[must_use]
pub(crate) fn blanked<'t>(tree: &Tree, text: &'t str) -> Cow<'t, str> {
    let mut spans = Vec::new();
    collect(&tree.nodes, &|_| false, &mut |span| spans.push(span));
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

/// What Tera may find something wrong in: a file without its text, Hydra's tags, and prints of names. Nothing in it keeps its
/// place.
#[must_use]
pub(super) fn doubtful(tree: &Tree, text: &str) -> String {
    let mut left = String::new();
    let mut at = 0;
    let is_sound = |node: &Node| match node {
        Node::Text(_) => true,
        Node::Print(span) => plain(text, *span).is_some(),
        _ => false,
    };
    collect(&tree.nodes, &is_sound, &mut |span| {
        let start = span.start as usize;
        if at < start {
            left.push_str(text.get(at..start).unwrap_or_default());
        }
        at = at.max(span.end as usize);
    });
    left.push_str(text.get(at..).unwrap_or_default());
    left
}

/// The places of what is Hydra's, in order, and of what `leave_out` is true of.
fn collect(nodes: &[Node], leave_out: &impl Fn(&Node) -> bool, see: &mut impl FnMut(Span)) {
    for node in nodes {
        match node {
            Node::Cut(span) => see(*span),
            Node::Fragment(fragment) => {
                opening(fragment, see);
                collect(&fragment.fallback, leave_out, see);
                let start = fragment
                    .fallback
                    .last()
                    .map_or(fragment.open.end, |node| node.span().end);
                see(Span {
                    start,
                    end: fragment.span.end,
                });
            }
            node if leave_out(node) => see(node.span()),
            node if node.has_bodies() => node.bodies().for_each(|body| collect(body, leave_out, see)),
            _ => {}
        }
    }
}

/// The opening tag, less its expressions.
fn opening(fragment: &FragmentNode, see: &mut impl FnMut(Span)) {
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
        see(Span {
            start,
            end: expression.start,
        });
        start = expression.end;
    }
    see(Span {
        start,
        end: fragment.open.end,
    });
}
