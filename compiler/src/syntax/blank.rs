//! Makes the text for Tera: with Hydra's tags blanked out, or without all text outside of statements.
#![deny(clippy::disallowed_methods)]

use std::{borrow::Cow, collections::HashSet};

use smallvec::SmallVec;

use crate::{
    delimiters::plain,
    fragment::AttributeText,
    limits::MAX_REPEATED_TEXTS,
    site::visit,
    source::Span,
    tree::{FragmentNode, Node, Reference, SectionKind, Tree},
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
    collect(&tree.nodes, &mut |_, _| false, &mut |span| spans.push(span));
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

/// What Tera may find something wrong in: a file without its text, Hydra's tags, prints of names, and what stands beside its
/// like. Nothing in it keeps its place.
#[must_use]
pub(super) fn doubtful(tree: &Tree, text: &str) -> String {
    let mut left = String::new();
    let mut at = 0;
    let mut seen = RepeatedTexts::default();
    let mut is_sound = |nodes: &[Node], node: &Node| match node {
        Node::Text(_) => true,
        Node::Print(span) => plain(text, *span).is_some() || seen.again(nodes, node, text),
        _ => seen.again(nodes, node, text),
    };
    collect(&tree.nodes, &mut is_sound, &mut |span| {
        let start = span.start as usize;
        if at < start {
            left.push_str(text.get(at..start).unwrap_or_default());
        }
        at = at.max(span.end as usize);
    });
    left.push_str(text.get(at..).unwrap_or_default());
    left
}

/// The statements and prints of long lists so far. One that stands there once more, word for word, says nothing new to Tera.
#[derive(Default)]
struct RepeatedTexts<'t> {
    /// The lists, by their places in memory, and the texts in them.
    texts: HashSet<(usize, &'t str)>,
}

impl<'t> RepeatedTexts<'t> {
    /// The length of a list in which it's worth looking.
    const LONG: usize = 16;
    /// The length of a text that is kept, in bytes.
    const LARGE: usize = 256;

    /// Whether a node of a list has stood in it before.
    fn again(&mut self, nodes: &[Node], node: &Node, text: &'t str) -> bool {
        let shown = text.get(node.span().range()).unwrap_or_default();
        if nodes.len() < Self::LONG || shown.len() > Self::LARGE || !may_be_repeated(node) {
            return false;
        }
        let key = (nodes.as_ptr() as usize, shown);
        if self.texts.len() < MAX_REPEATED_TEXTS {
            !self.texts.insert(key)
        } else {
            self.texts.contains(&key)
        }
    }
}

/// Whether a node may stand in a list any number of times, if it may stand there once. No two blocks and components have one name.
fn may_be_repeated(node: &Node) -> bool {
    match node {
        Node::Print(_) | Node::Set(_) => true,
        Node::Reference(reference) => !reference.extends,
        Node::Section(section) if matches!(section.kind, SectionKind::Block | SectionKind::Component) => {
            false
        }
        Node::Section(_) | Node::If(_) | Node::For(_) => {
            let mut inside = node.bodies().flatten();
            inside.all(|node| matches!(node, Node::Text(_) | Node::Opaque(_)) || may_be_repeated(node))
        }
        _ => false,
    }
}

/// The places of what is Hydra's, in order, and of what `leave_out` is true of. It gets a list and a node in it.
fn collect(nodes: &[Node], leave_out: &mut impl FnMut(&[Node], &Node) -> bool, see: &mut impl FnMut(Span)) {
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
            node if leave_out(nodes, node) => see(node.span()),
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
        .filter(|text| matches!(text.value, AttributeText::Expression(_)))
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
