//! The forms of a file: elements with `m:action`, and what each of them sends.

use hydra_contract::{ActionContract, FieldKind};
use smol_str::SmolStr;

use crate::{
    fragment::Attributed,
    limits::MAX_FORM_FIELDS,
    parse::{AttributeValue, Marked, elements},
    provided::is_provided,
    source::Span,
};

use super::{Node, Offer, SectionKind};

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
    /// The attributes of the tag and of controls that have the browser send the form in another way.
    pub overriding: Vec<Span>,
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

    /// What it sends, for contracts and plans.
    #[must_use]
    pub fn contract(&self) -> ActionContract {
        let fields = self.fields.iter();
        ActionContract {
            fields: fields.map(|field| (field.name.clone(), field.kind)).collect(),
            open: self.is_open,
        }
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

/// The forms with these actions, and the spans of all `<form>` elements of the file. `offers`: the fragments of the file.
pub(super) fn read(
    text: &str,
    prefix: &str,
    actions: &[ActionAttribute],
    nodes: &[Node],
    offers: &[Offer],
) -> (Vec<Form>, Vec<Span>) {
    if actions.is_empty() && !may_hold_fragments(text, nodes) {
        return (Vec::new(), Vec::new());
    }
    let elements = elements(text, prefix);
    let forms = elements.iter().filter(|element| is_named(text, element, "form"));
    let spans: Vec<Span> = forms.map(|element| whole(element, text)).collect();
    let naming = elements.iter().filter(|element| has(text, element, "form"));
    let naming: Vec<&Marked> = naming.collect();
    let found = actions.iter().filter_map(|action| {
        let at = elements
            .binary_search_by_key(&action.open.start, |element| element.tag.span.start)
            .ok()?;
        let mut around = offers.iter().rev();
        let fragment = around.find(|offer| offer.span.contains(action.open));
        let naming = naming
            .iter()
            .copied()
            .filter(|control| fragment.is_none_or(|fragment| fragment.span.contains(control.tag.span)));
        Some(form(text, &elements, at, action, nodes, naming))
    });
    (found.collect(), spans)
}

/// The form of the element at this index. `naming`: the controls of its fragment that name a form by its id.
fn form<'e>(
    text: &str,
    elements: &'e [Marked],
    at: usize,
    action: &ActionAttribute,
    nodes: &[Node],
    naming: impl Iterator<Item = &'e Marked>,
) -> Form {
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
    let mut form = Form {
        action: action.action.clone(),
        attribute: action.attribute,
        open: action.open,
        end: element.end,
        is_form: is_named(text, element, "form"),
        clashing: names(text, element, &["method", "action", "enctype"]).collect(),
        overriding: names(text, element, &["accept-charset"]).collect(),
        outer: outer.map(|outer| outer.tag.span),
        table: table.map(|table| table.tag.span),
        fields: Vec::new(),
        is_open: false,
        is_too_large: false,
        marks: Vec::new(),
    };
    let mut loops = Vec::new();
    let span = form.span();
    form.is_open = brings_fields(text, nodes, span, &mut loops);
    let inside = behind
        .iter()
        .take_while(|control| control.tag.span.start < span.end);
    let inside: Vec<&Marked> = inside.collect();
    for control in &inside {
        let belongs = owner_of(text, control, element);
        let own = form.add_control(text, control, belongs, &loops);
        let mark = own.and_then(|field| error_mark(text, control, field, &inside));
        form.marks.extend(mark);
    }
    let outside = naming.filter(|control| !span.contains(control.tag.span));
    let outside: Vec<&Marked> = outside.collect();
    if !outside.is_empty() {
        loops.clear();
        let file = Span {
            start: 0,
            end: text.len() as u32,
        };
        brings_fields(text, nodes, file, &mut loops);
    }
    for control in outside {
        form.add_control(text, control, owner_of(text, control, element), &loops);
    }
    form
}

/// Whether a control is one of a form.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Belongs {
    Yes,
    No,
    /// Tera decides it.
    Perhaps,
}

/// Whether a control that stands in the element `form`, or names a form, belongs to `form` (HTML, section 4.10.18.3).
fn owner_of(text: &str, control: &Marked, form: &Marked) -> Belongs {
    let Some(named) = attribute(text, control, "form") else {
        return Belongs::Yes;
    };
    match attribute(text, form, "id") {
        None => Belongs::No,
        Some(id) if slice(text, id.span) == slice(text, named.span) => Belongs::Yes,
        Some(id) if id.tera.is_empty() && named.tera.is_empty() => Belongs::No,
        Some(_) => Belongs::Perhaps,
    }
}

impl Form {
    /// Adds what a control sends. The name of its field, if the field is new and the control the only one of it.
    fn add_control<'t>(
        &mut self,
        text: &'t str,
        control: &Marked,
        belongs: Belongs,
        loops: &[Span],
    ) -> Option<&'t str> {
        if belongs == Belongs::No {
            return None;
        }
        self.overriding.extend(overriding(text, control));
        match control_of(text, control) {
            Control::None => None,
            Control::Field(name, kind) if belongs == Belongs::Yes => {
                let repeats = is_in_one(loops, control.tag.span);
                let is_first = self.add(name, kind, control.tag.span, repeats);
                // What is repeated has no name of its own that an error could be about.
                (is_first && !repeats).then_some(name)
            }
            Control::Field(..) | Control::Computed => {
                self.is_open = true;
                None
            }
        }
    }

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
    // Several types, if Tera chooses one of them.
    let types = || values(text, element, "type");
    let is_one_of = |ty: &AttributeValue, names: &[&str]| {
        let ty = slice(text, ty.span).trim();
        names.iter().any(|name| ty.eq_ignore_ascii_case(name))
    };
    let is_type = |names: &[&str]| types().any(|ty| is_one_of(ty, names));
    let is_always = |names: &[&str]| is_type(names) && types().all(|ty| is_one_of(ty, names));
    let is_control = is("input") || is("select") || is("textarea") || is("button");
    let is_silent = (is("button") && is_always(&["button", "reset"]))
        || (is("input") && is_always(&["button", "reset", "image"]));
    if !is_control || is_silent {
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
    let is_computed = types().any(|ty| !ty.tera.is_empty());
    let kind = match () {
        () if is("select") && has(text, element, "multiple") => FieldKind::List,
        () if is("input") && (is_computed || is_type(&["password"])) => FieldKind::Secret,
        () if is("input") && is_type(&["file"]) => FieldKind::File,
        () if is("input") && is_type(&["checkbox"]) => FieldKind::Checkbox,
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
    values(text, element, "autocomplete").any(|value| {
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

/// The attributes of a control that have the browser send its form to another address, or in another way. A button that only
/// closes a dialog sends nothing.
fn overriding<'e>(text: &'e str, control: &'e Marked) -> impl Iterator<Item = Span> + use<'e> {
    let is_control = is_named(text, control, "button") || is_named(text, control, "input");
    let is_closing = attribute(text, control, "formmethod")
        .is_some_and(|method| slice(text, method.span).trim().eq_ignore_ascii_case("dialog"));
    let found = names(text, control, &["formmethod", "formaction", "formenctype"]);
    found.filter(move |_| is_control && !is_closing)
}

/// The names of the attributes with one of these names.
fn names<'e>(text: &'e str, element: &'e Marked, names: &'e [&str]) -> impl Iterator<Item = Span> + use<'e> {
    let attributes = element.tag.attributes.iter();
    let found = attributes.filter(move |attribute| {
        let name = slice(text, attribute.name);
        names.iter().any(|one| name.eq_ignore_ascii_case(one))
    });
    found.map(|attribute| attribute.name)
}

/// The values of all attributes with this name. Browsers take the first, but Tera may leave it out.
fn values<'e>(
    text: &'e str,
    element: &'e Marked,
    name: &'e str,
) -> impl Iterator<Item = &'e AttributeValue> + 'e {
    let attributes = element.tag.attributes.iter();
    let found = attributes.filter(move |attribute| slice(text, attribute.name).eq_ignore_ascii_case(name));
    found.filter_map(|attribute| attribute.value.as_ref())
}

fn attribute<'e>(text: &'e str, element: &'e Marked, name: &'e str) -> Option<&'e AttributeValue> {
    values(text, element, name).next()
}

fn has(text: &str, element: &Marked, name: &str) -> bool {
    names(text, element, &[name]).next().is_some()
}

fn is_named(text: &str, element: &Marked, name: &str) -> bool {
    slice(text, element.tag.name).eq_ignore_ascii_case(name)
}

fn slice(text: &str, span: Span) -> &str {
    text.get(span.range()).unwrap_or_default()
}
