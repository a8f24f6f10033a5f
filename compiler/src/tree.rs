//! The pieces of a file as a tree.

mod build;
mod forms;
mod misnested;
mod offers;
mod statement;

use crate::{
    fragment::{Fragment, OfferTag},
    parse::{TextualFragment, Unclosed},
    source::Span,
};

pub(crate) use build::tree;
pub(crate) use forms::{ErrorMark, FORM, Form};

/// A file as a tree.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The nodes of the file.
    pub nodes: Vec<Node>,
    /// Whether there are statements among them. Many files have none, and need not be searched for blocks, includes, components.
    pub statements: bool,
    /// The fragments that the file offers, in document order.
    pub offers: Vec<Offer>,
    /// The elements with `m:action`, in document order.
    pub forms: Vec<Form>,
    /// All `<form>` elements, where fragments may stand in them.
    pub form_elements: Vec<Span>,
    /// The list in `m:attributes` on the root element.
    pub attributes: Option<Box<OfferTag>>,
    /// A Tera delimiter that never closes, which makes the nesting meaningless.
    pub unclosed: Option<Unclosed>,
    /// Whether some element, or a text that lost the `<` of one, may have attributes of Hydra's.
    pub may_offer: bool,
    /// Whether there may be half a delimiter in its text: it has a `}}`, `%}` or `#}` that belongs to none of
    /// Tera's, or a comment in which another begins.
    pub stray_braces: bool,
    /// Whether its text has an `@` or a `#`.
    pub has_signs: bool,
    /// The fragments where HTML has text.
    pub shown: Vec<TextualFragment>,
    /// Whether something stands in its text or tags with which other engines begin.
    pub other_engine: bool,
    /// The end tags outside of all elements, in a file that offers fragments.
    pub stray_ends: Vec<Span>,
    /// The addresses of the style sheets and scripts that its markup links, as written.
    pub linked: Vec<Span>,
}

impl Tree {
    /// The beginning of the opening tag of a `<form>` around a part of the file.
    #[must_use]
    pub(crate) fn form_around(&self, place: Span) -> Option<Span> {
        let mut around = self.form_elements.iter().filter(|form| form.contains(place));
        around.next().map(|form| form_tag(*form))
    }

    /// The forms of a fragment of the file.
    pub(crate) fn forms_of(&self, offer: Span) -> impl Iterator<Item = &Form> {
        self.forms.iter().filter(move |form| offer.contains(form.open))
    }

    /// The forms that belong to no fragment of the file: those of the pages that show its text.
    pub(crate) fn page_forms(&self) -> impl Iterator<Item = &Form> {
        self.forms.iter().filter(|form| !self.is_offered(form.open))
    }

    /// Whether a place lies in an element with `m:ref`.
    pub(crate) fn is_offered(&self, place: Span) -> bool {
        self.offers.iter().any(|offer| offer.span.contains(place))
    }
}

/// The beginning of the opening tag of a form: `<form`.
pub(crate) fn form_tag(form: Span) -> Span {
    Span {
        start: form.start,
        end: form.start + "<form".len() as u32,
    }
}

/// A part of a file.
#[derive(Clone, Debug)]
pub enum Node {
    /// Text that Tera prints unchanged.
    Text(Span),
    /// An `m:` attribute of an element, which is left out of the page.
    Cut(Span),
    /// A comment or a raw block: opaque, though its dashes trim.
    Opaque(Span),
    /// `{{ … }}`. Its parts are read again where they are needed, because a site has many prints and all trees are held at once.
    Print(Span),
    /// `<m:fragment>`
    Fragment(Box<FragmentNode>),
    /// `{% if %}`
    If(Box<If>),
    /// `{% for %}`
    For(Box<For>),
    /// `{% set a = … %}`
    Set(Box<Set>),
    /// A statement with a body.
    Section(Box<Section>),
    /// `{% include %}`, `{% extends %}`
    Reference(Box<Reference>),
    /// `{% break %}`, `{% continue %}`
    Jump(Span),
    /// A statement that can't stand here. Tera reports it.
    Other(Box<Delimited>),
}

/// Something between Tera delimiters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delimited {
    /// All of it.
    pub span: Span,
    /// The text between the delimiters, without dashes and white space; for a statement, the text behind its keyword.
    pub inner: Span,
}

/// A `<m:fragment>` in a file.
#[derive(Clone, Debug)]
pub struct FragmentNode {
    /// From the opening tag to the closing one.
    pub span: Span,
    /// The opening tag.
    pub open: Span,
    /// Its attributes.
    pub fragment: Fragment,
    /// Its content.
    pub fallback: Vec<Node>,
}

/// `{% if %}…{% elif %}…{% else %}…{% endif %}`
#[derive(Clone, Debug)]
pub struct If {
    /// All of it.
    pub span: Span,
    /// Its branches, in order.
    pub arms: Vec<Arm>,
    /// `{% endif %}`
    pub end: Delimited,
}

/// A branch of an `if`.
#[derive(Clone, Debug)]
pub struct Arm {
    /// `{% if … %}`, `{% elif … %}` or `{% else %}`.
    pub open: Delimited,
    /// Whether it is the `else`.
    pub otherwise: bool,
    /// Its body.
    pub body: Vec<Node>,
}

/// `{% for a, b in c %}…{% else %}…{% endfor %}`
#[derive(Clone, Debug)]
pub struct For {
    /// All of it.
    pub span: Span,
    /// `{% for … %}`
    pub open: Delimited,
    /// The names that it binds.
    pub names: Vec<String>,
    /// The expression that it iterates over.
    pub header: Span,
    /// The body, which is repeated.
    pub body: Vec<Node>,
    /// `{% else %}` and the nodes behind it.
    pub otherwise: Option<(Delimited, Vec<Node>)>,
    /// `{% endfor %}`
    pub end: Delimited,
}

/// `{% set a = … %}`
#[derive(Clone, Debug)]
pub struct Set {
    /// The statement.
    pub open: Delimited,
    /// The name that it sets.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// Whether it is `set_global`.
    pub global: bool,
    /// The expression.
    pub value: Span,
}

/// A statement with a body.
#[derive(Clone, Debug)]
pub struct Section {
    /// All of it.
    pub span: Span,
    /// Its kind.
    pub kind: SectionKind,
    /// The block's, the component's or the set name, or the first filter.
    pub name: String,
    /// The opening statement.
    pub open: Delimited,
    /// Its body.
    pub body: Vec<Node>,
    /// The closing statement.
    pub end: Delimited,
}

/// The kind of a statement with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// `{% block a %}`
    Block,
    /// `{% filter a %}`
    Filter,
    /// `{% set a %}…{% endset %}`
    Capture,
    /// `{% set_global a %}…{% endset %}`
    CaptureGlobal,
    /// `{% component a() %}`
    Component,
    /// `{% <a> %}…{% </a> %}`
    Call,
}

/// A statement that names another file.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The statement.
    pub open: Delimited,
    /// Whether it is `extends`, otherwise `include`.
    pub extends: bool,
    /// The file's name.
    pub name: String,
}

/// An element with `m:ref`.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The element, outer tags included.
    pub span: Span,
    /// Its opening tag.
    pub open: Span,
    /// Its `m:` attributes.
    pub tag: Box<OfferTag>,
}

impl Node {
    /// The part of the file that the node covers.
    #[inline]
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Node::Text(span)
            | Node::Cut(span)
            | Node::Opaque(span)
            | Node::Print(span)
            | Node::Jump(span) => *span,
            Node::Other(delimited) => delimited.span,
            Node::Fragment(node) => node.span,
            Node::If(node) => node.span,
            Node::For(node) => node.span,
            Node::Set(node) => node.open.span,
            Node::Section(node) => node.span,
            Node::Reference(node) => node.open.span,
        }
    }

    /// Whether it may have nodes inside: most have none.
    #[inline]
    #[must_use]
    pub fn has_bodies(&self) -> bool {
        matches!(
            self,
            Node::Fragment(_) | Node::If(_) | Node::For(_) | Node::Section(_)
        )
    }

    /// The lists of nodes inside, in document order.
    #[inline]
    pub fn bodies(&self) -> impl Iterator<Item = &[Node]> {
        let (arms, first, second) = match self {
            Node::Fragment(node) => (&[][..], Some(&node.fallback), None),
            Node::If(node) => (node.arms.as_slice(), None, None),
            Node::For(node) => {
                let otherwise = node.otherwise.as_ref().map(|(_, body)| body);
                (&[][..], Some(&node.body), otherwise)
            }
            Node::Section(node) => (&[][..], Some(&node.body), None),
            _ => (&[][..], None, None),
        };
        let bodies = arms.iter().map(|arm| &arm.body).chain(first).chain(second);
        bodies.map(Vec::as_slice)
    }
}

/// The nodes that lie in `span`, with text cut to fit. `None` where the span cuts a node other than text.
#[must_use]
pub(crate) fn within(nodes: &[Node], span: Span) -> Option<Vec<Node>> {
    // The nodes of a list stand in order, so that those that touch the span are a row.
    let first = nodes.partition_point(|node| node.span().end <= span.start);
    let last = nodes.partition_point(|node| node.span().start < span.end);
    let touched = nodes.get(first..last)?;
    if let [outer] = touched
        && !is_text(outer)
        && encloses(outer.span(), span)
    {
        return outer.bodies().find_map(|body| {
            let inside = body
                .first()
                .zip(body.last())
                .is_some_and(|(first, last)| first.span().start <= span.start && span.end <= last.span().end);
            if inside { within(body, span) } else { None }
        });
    }
    let mut found = Vec::with_capacity(touched.len());
    for node in touched {
        match node {
            Node::Text(text) => found.push(Node::Text(Span {
                start: text.start.max(span.start),
                end: text.end.min(span.end),
            })),
            _ if span.contains(node.span()) => found.push(node.clone()),
            _ => return None,
        }
    }
    Some(found)
}

fn is_text(node: &Node) -> bool {
    matches!(node, Node::Text(_))
}

fn encloses(outer: Span, inner: Span) -> bool {
    outer.contains(inner) && outer != inner
}
