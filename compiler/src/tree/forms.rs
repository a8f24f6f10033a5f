//! The forms of a file: elements with `m:action`, and what each of them sends.

use hydra_contract::FieldKind;
use smol_str::SmolStr;

use crate::{
    fragment::Attributed,
    limits::MAX_FORM_FIELDS,
    parse::{AttributeValue, Marked, TagAttribute, elements},
    provided::is_provided,
    source::Span,
};

use super::{Node, SectionKind};

/// The name under which templates with a form see what was typed into it, and what is wrong with it.
pub(crate) const FORM: &str = "form";

/// An element with `m:action`.
#[derive(Clone, Debug)]
pub struct Form {
    /// The name of the action.
    pub action: Attributed<SmolStr>,
    /// The attribute `m:action`.
    pub attribute: Span,
    /// The opening tag.
    pub open: Span,
    /// Where the element ends. `None`: it is never closed, or has no end tag.
    pub end: Option<u32>,
    /// Whether the element is a `<form>`.
    pub is_form: bool,
    /// The attributes of the tag that `m:action` writes itself.
    pub clashing: Vec<Span>,
    /// The opening tag of the `<form>` around it.
    pub outer: Option<Span>,
    /// The opening tag of the table, or of the part of one, of which the form would be a child. HTML moves its content out.
    pub table: Option<Span>,
    /// The fields that it sends, in document order, each name once.
    pub fields: Vec<FormField>,
    /// Whether it may send further fields: those of includes, of components, and those whose names are computed.
    pub is_open: bool,
    /// Whether it has more fields than are kept.
    pub is_too_large: bool,
    /// Where its controls say that they are wrong, in document order.
    pub marks: Vec<ErrorMark>,
}

/// The place in the tag of a control for the attributes that say that what was typed into it is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorMark {
    /// The end of the tag's name.
    pub at: u32,
    /// The name of the field.
    pub field: String,
    /// Whether `aria-invalid` may stand there. Radio buttons don't have it.
    pub is_invalid: bool,
    /// Whether an element of the form has the id `NAME-error`.
    pub is_described: bool,
    /// Whether it may take the focus.
    pub is_focused: bool,
}

/// A field of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormField {
    /// Its name.
    pub name: String,
    /// The opening tag of its control.
    pub tag: Span,
    /// What it sends.
    pub kind: FieldKind,
}

impl Form {
    /// Whether it sends files.
    #[must_use]
    pub fn has_files(&self) -> bool {
        self.fields.iter().any(|field| field.kind == FieldKind::File)
    }

    /// The part of the file that the form covers.
    #[must_use]
    pub fn span(&self) -> Span {
        Span {
            start: self.open.start,
            end: self.end.unwrap_or(self.open.end),
        }
    }
}

/// An attribute `m:action`, as it was read.
#[derive(Clone, Debug)]
pub(super) struct ActionAttribute {
    pub(super) action: Attributed<SmolStr>,
    pub(super) attribute: Span,
    /// The opening tag in which it stands.
    pub(super) open: Span,
}

/// Whether a file may have elements named `form` in which fragments stand, or statements that bring some in.
fn may_hold_fragments(text: &str, nodes: &[Node]) -> bool {
    let is_plain = |node: &Node| matches!(node, Node::Text(_) | Node::Cut(_) | Node::Opaque(_));
    if nodes.iter().all(is_plain) {
        return false;
    }
    let names = ["<form", "<FORM", "<Form"];
    names
        .iter()
        .any(|name| memchr::memmem::find(text.as_bytes(), name.as_bytes()).is_some())
}

/// The forms with these actions, and the spans of all `<form>` elements of the file.
pub(super) fn read(
    text: &str,
    prefix: &str,
    actions: &[ActionAttribute],
    nodes: &[Node],
) -> (Vec<Form>, Vec<Span>) {
    if actions.is_empty() && !may_hold_fragments(text, nodes) {
        return (Vec::new(), Vec::new());
    }
    let elements = elements(text, prefix);
    let forms = elements.iter().filter(|element| is_named(text, element, "form"));
    let spans: Vec<Span> = forms.map(|element| whole(element, text)).collect();
    let found = actions.iter().filter_map(|action| {
        let at = elements
            .binary_search_by_key(&action.open.start, |element| element.tag.span.start)
            .ok()?;
        Some(form(text, &elements, at, action, nodes))
    });
    (found.collect(), spans)
}

fn form(text: &str, elements: &[Marked], at: usize, action: &ActionAttribute, nodes: &[Node]) -> Form {
    let (before, element, behind) = match elements.split_at_checked(at) {
        Some((before, [element, behind @ ..])) => (before, element, behind),
        _ => (elements, &Marked::default(), &[][..]),
    };
    let around = |outer: &&Marked| outer.end.is_some_and(|end| end > action.open.start);
    let mut ancestors = before.iter().rev().filter(around);
    let table = ancestors.clone().next().filter(|parent| {
        let parts = ["table", "tbody", "thead", "tfoot", "tr", "colgroup"];
        parts.iter().any(|name| is_named(text, parent, name))
    });
    let outer = ancestors.find(|outer| is_named(text, outer, "form"));
    let written = ["method", "action", "enctype"];
    let is_written = |attribute: &&TagAttribute| {
        let name = slice(text, attribute.name);
        written.iter().any(|written| name.eq_ignore_ascii_case(written))
    };
    let mut form = Form {
        action: action.action.clone(),
        attribute: action.attribute,
        open: action.open,
        end: element.end,
        is_form: is_named(text, element, "form"),
        clashing: element
            .tag
            .attributes
            .iter()
            .filter(is_written)
            .map(|it| it.name)
            .collect(),
        outer: outer.map(|outer| outer.tag.span),
        table: table.map(|table| table.tag.span),
        fields: Vec::new(),
        is_open: false,
        is_too_large: false,
        marks: Vec::new(),
    };
    let mut loops = Vec::new();
    form.is_open = brings_fields(text, nodes, form.span(), &mut loops);
    let end = form.span().end;
    let inside = behind.iter().take_while(|control| control.tag.span.start < end);
    let inside: Vec<&Marked> = inside.collect();
    for control in &inside {
        match control_of(text, control) {
            Control::None => {}
            Control::Computed => form.is_open = true,
            Control::Field(name, kind) => {
                let repeats = is_in_one(&loops, control.tag.span);
                let is_first = form.add(name, kind, control.tag.span, repeats);
                // What is repeated has no name of its own that an error could be about.
                let mark = || error_mark(text, control, name, &inside);
                form.marks.extend((is_first && !repeats).then(mark).flatten());
            }
        }
    }
    form
}

impl Form {
    /// Adds a field, or what another control of the same field says of it. Whether the field is new.
    fn add(&mut self, name: &str, kind: FieldKind, tag: Span, repeats: bool) -> bool {
        let listed = match kind {
            FieldKind::Text | FieldKind::Checkbox if repeats => FieldKind::List,
            kind => kind,
        };
        let is_full = self.fields.len() >= MAX_FORM_FIELDS;
        match self.fields.iter_mut().find(|field| field.name == name) {
            Some(known) => {
                known.kind = match (known.kind, listed) {
                    // What one control hides, another one with its name does not show.
                    (FieldKind::Secret, _) | (_, FieldKind::Secret) => FieldKind::Secret,
                    // Several boxes with one name are a list of what is checked. A hidden field before a box is its value where
                    // it is not checked.
                    (FieldKind::Checkbox, FieldKind::Checkbox) => FieldKind::List,
                    (FieldKind::Text, other) => other,
                    (known, _) => known,
                };
                false
            }
            None if is_full => {
                self.is_too_large = true;
                false
            }
            None => {
                self.fields.push(FormField {
                    name: name.to_owned(),
                    tag,
                    kind: listed,
                });
                true
            }
        }
    }
}

/// Whether a place lies in one of these parts of the text, which are in document order and apart from each other.
fn is_in_one(parts: &[Span], place: Span) -> bool {
    let count = parts.partition_point(|part| part.start <= place.start);
    let before = count.checked_sub(1).and_then(|last| parts.get(last));
    before.is_some_and(|part| part.contains(place))
}

/// Whether something in the form may bring fields that the file's own text does not show. `loops` gets the outermost loops in it,
/// in document order.
fn brings_fields(text: &str, nodes: &[Node], form: Span, loops: &mut Vec<Span>) -> bool {
    let mut found = false;
    for node in nodes {
        let span = node.span();
        if span.end <= form.start || form.end <= span.start {
            continue;
        }
        let is_inside = form.contains(span);
        found |= match node {
            // Hydra's own have no fields.
            Node::Reference(node) => is_inside && !is_provided(&node.name),
            Node::Other(_) => is_inside,
            Node::Print(print) => is_inside && prints_markup(slice(text, *print)),
            // Fragments have forms of their own.
            Node::Fragment(_) => false,
            Node::Section(section) => {
                let is_fixed = matches!(section.kind, SectionKind::Filter | SectionKind::Component);
                is_inside && !is_fixed
            }
            _ => false,
        };
        let is_repeated = loops.last().is_some_and(|outer| outer.contains(span));
        if is_inside && matches!(node, Node::For(_)) && !is_repeated {
            loops.push(span);
        }
        if node.has_bodies() && !matches!(node, Node::Fragment(_)) {
            for body in node.bodies() {
                found |= brings_fields(text, body, form, loops);
            }
        }
    }
    found
}

/// Whether an expression may print elements: a component, a parent's block, or a value that is not escaped.
fn prints_markup(print: &str) -> bool {
    let inner = print.trim_start_matches(['{', '-', ' ', '\t', '\n', '\r']);
    inner.starts_with('<') || inner.contains("super(") || inner.contains("safe")
}

enum Control<'t> {
    None,
    Computed,
    Field(&'t str, FieldKind),
}

/// What a control sends (HTML, section 4.10.22.4).
fn control_of<'t>(text: &'t str, element: &Marked) -> Control<'t> {
    let is = |name| is_named(text, element, name);
    let kind = attribute(text, element, "type").map(|ty| (slice(text, ty.span), ty.tera.is_empty()));
    let is_type = |names: &[&str]| {
        kind.is_some_and(|(ty, _)| names.iter().any(|name| ty.trim().eq_ignore_ascii_case(name)))
    };
    let is_control = is("input") || is("select") || is("textarea") || is("button");
    let is_silent = (is("button") && is_type(&["button", "reset"]))
        || (is("input") && is_type(&["button", "reset", "image"]));
    // `form="…"` makes it a control of another form.
    if !is_control || is_silent || attribute(text, element, "form").is_some() {
        return Control::None;
    }
    let Some(name) = attribute(text, element, "name") else {
        return Control::None;
    };
    let written = slice(text, name.span);
    if !name.tera.is_empty() || written.contains('&') {
        return Control::Computed;
    }
    if written.is_empty() {
        return Control::None;
    }
    let is_computed = kind.is_some_and(|(_, is_fixed)| !is_fixed);
    let kind = match () {
        () if is("select") && has(text, element, "multiple") => FieldKind::List,
        () if is("input") && is_type(&["file"]) => FieldKind::File,
        () if is("input") && is_type(&["checkbox"]) => FieldKind::Checkbox,
        () if is("input") && (is_computed || is_type(&["password"])) => FieldKind::Secret,
        () if is_of_card(text, element) => FieldKind::Secret,
        () => FieldKind::Text,
    };
    Control::Field(written, kind)
}

/// The mark of a control. `None`: visitors can't see it or type into it, or it says by itself whether it is wrong.
fn error_mark(text: &str, control: &Marked, field: &str, in_form: &[&Marked]) -> Option<ErrorMark> {
    let is_type = |name: &str| {
        let ty = attribute(text, control, "type");
        ty.is_some_and(|ty| slice(text, ty.span).trim().eq_ignore_ascii_case(name))
    };
    let is_input = is_named(text, control, "input");
    let is_seen = match is_input {
        true => !["hidden", "submit"].into_iter().any(is_type),
        false => !is_named(text, control, "button"),
    };
    let is_marked = ["aria-invalid", "aria-describedby"]
        .into_iter()
        .any(|name| has(text, control, name));
    // The name becomes a part of an id, and of a text in Tera.
    let is_plain = field
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte));
    if !is_seen || is_marked || !is_plain {
        return None;
    }
    let id = format!("{field}-error");
    let describes =
        |element: &&Marked| attribute(text, element, "id").is_some_and(|it| slice(text, it.span) == id);
    Some(ErrorMark {
        at: control.tag.name.end,
        field: field.to_owned(),
        is_invalid: !(is_input && is_type("radio")),
        is_described: in_form.iter().any(describes),
        is_focused: !has(text, control, "autofocus"),
    })
}

/// Whether a control takes a part of a payment card, or may do so: its `autocomplete` begins with `cc-` or is computed.
fn is_of_card(text: &str, element: &Marked) -> bool {
    attribute(text, element, "autocomplete").is_some_and(|value| {
        let mut words = slice(text, value.span).split_ascii_whitespace();
        !value.tera.is_empty()
            || words.any(|word| {
                word.get(..3)
                    .is_some_and(|start| start.eq_ignore_ascii_case("cc-"))
            })
    })
}

/// Where an element ends. One that is never closed ends with the file.
fn whole(element: &Marked, text: &str) -> Span {
    Span {
        start: element.tag.span.start,
        end: element.end.unwrap_or(text.len() as u32),
    }
}

fn attribute<'e>(text: &str, element: &'e Marked, name: &str) -> Option<&'e AttributeValue> {
    let mut attributes = element.tag.attributes.iter();
    let found = attributes.find(|attribute| slice(text, attribute.name).eq_ignore_ascii_case(name))?;
    found.value.as_ref()
}

fn has(text: &str, element: &Marked, name: &str) -> bool {
    let mut attributes = element.tag.attributes.iter();
    attributes.any(|attribute| slice(text, attribute.name).eq_ignore_ascii_case(name))
}

fn is_named(text: &str, element: &Marked, name: &str) -> bool {
    slice(text, element.tag.name).eq_ignore_ascii_case(name)
}

fn slice(text: &str, span: Span) -> &str {
    text.get(span.range()).unwrap_or_default()
}
