//! The names that a file refers to: filters, tests, functions, components, templates, blocks.
//!
//! Tera checks them too, but writes the whole line of each one that it does not know. So it gets stand-ins for all of them, and
//! those that are unknown are found here.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use tera::{Kwargs, State, Tera, Value};

use crate::{
    delimiters::{inner, plain},
    engines,
    expression_names::{CallKind, called},
    fragment::AttributeText,
    limits::MAX_IDIOM_BYTES,
    model::{called_components, component_definitions},
    site::{File, references, visit},
    source::Span,
    tree::{Node, SectionKind},
};

use super::{
    arguments::{self, Misuse},
    blank::{name_span, stand_in},
    names::KnownNames,
    unknown::{NameKind, UnknownName},
};

/// The template with stand-ins for components: no template can include a file of this name.
const STAND_INS: &str = "\u{2}";

/// What a file refers to.
pub(super) struct References<'t> {
    /// The names that are not known, wherever they stand.
    pub(super) unknown: Vec<UnknownName<'t>>,
    /// Prints and values that mean something to other engines only.
    pub(super) foreign: Vec<Span>,
    /// Filters and tests of Tera's with an argument that they ignore, or without one that they need.
    pub(super) misused: Vec<Misuse<'t>>,
    /// Whether it has a `set_global`.
    pub(super) has_globals: bool,
    /// Its blocks.
    blocks: BTreeSet<&'t str>,
    /// The components that it calls, and does not define.
    components: BTreeSet<&'t str>,
    /// The names that stand for the files that it includes.
    templates: BTreeSet<String>,
}

impl<'t> References<'t> {
    /// The names in a file. `blocks`: those of its parents, where it has one.
    pub(super) fn of(file: &'t File<'_>, known: &KnownNames<'_>, blocks: Option<&BTreeSet<&str>>) -> Self {
        let text = file.source.text.as_str();
        let nodes = &file.tree.nodes;
        let mut found = Self {
            unknown: Vec::new(),
            foreign: Vec::new(),
            misused: Vec::new(),
            has_globals: false,
            blocks: BTreeSet::new(),
            components: BTreeSet::new(),
            templates: references(&file.tree)
                .iter()
                .filter(|reference| !reference.extends)
                .map(|reference| match name_span(text, reference) {
                    Some(name) => stand_in(name.len()),
                    None => reference.name.clone(),
                })
                .collect(),
        };
        visit(nodes, &mut |node| {
            found.node(text, node, known);
            if let Node::Section(section) = node
                && section.kind == SectionKind::Block
            {
                found.blocks.insert(&section.name);
                if blocks.is_some_and(|blocks| !blocks.contains(section.name.as_str())) {
                    let span = name_in(text, section.open.span, &section.name);
                    found.add(NameKind::Block, &section.name, span);
                }
            }
        });
        for own in component_definitions(&file.tree) {
            found.components.remove(own.name.as_str());
        }
        found
    }

    fn node(&mut self, text: &'t str, node: &Node, known: &KnownNames<'_>) {
        match node {
            // A plain print calls nothing.
            Node::Print(span) if plain(text, *span).is_some() => {}
            Node::Print(span) => {
                let inner = inner(text, *span);
                self.look_for_foreign(text, inner, *span);
                self.expression(text, inner, known);
            }
            Node::Set(set) => {
                self.has_globals |= set.global;
                self.expression(text, set.value, known);
            }
            Node::Other(delimited) => self.expression(text, delimited.inner, known),
            Node::For(repeat) => self.expression(text, repeat.header, known),
            Node::If(chain) => {
                for arm in &chain.arms {
                    self.look_for_foreign(text, arm.open.inner, arm.open.span);
                    self.expression(text, arm.open.inner, known);
                }
            }
            Node::Section(section) => match section.kind {
                SectionKind::Block | SectionKind::Component => {}
                SectionKind::Filter => {
                    let at = name_in(text, section.open.inner, first_word(text, section.open.inner));
                    self.name(text, CallKind::Filter, at, known);
                    let rest = Span {
                        start: at.end,
                        ..section.open.inner
                    };
                    self.expression(text, rest, known);
                }
                _ => self.expression(text, section.open.inner, known),
            },
            Node::Fragment(node) => {
                let tag = &node.fragment;
                for value in [&tag.service, &tag.reference].into_iter().flatten() {
                    if let AttributeText::Expression(span) = &value.value {
                        self.expression(text, *span, known);
                    }
                }
            }
            _ => {}
        }
    }

    fn look_for_foreign(&mut self, text: &str, inner: Span, whole: Span) {
        if is_foreign(text.get(inner.range()).unwrap_or_default()) {
            self.foreign.push(whole);
        }
    }

    fn expression(&mut self, text: &'t str, span: Span, known: &KnownNames<'_>) {
        let shown = text.get(span.range()).unwrap_or_default().as_bytes();
        if memchr::memchr3(b'(', b'|', b'<', shown).is_none() && !shown.windows(2).any(|two| two == b"is") {
            return;
        }
        for (kind, place) in called(text, span) {
            self.name(text, kind, place, known);
        }
        for (name, at) in called_components(text, span) {
            self.components.insert(name);
            if !known.has_component(name) {
                let start = at as usize;
                self.add(NameKind::Component, name, Span::new(start, start + name.len()));
            }
        }
    }

    fn name(&mut self, text: &'t str, called: CallKind, place: Span, known: &KnownNames<'_>) {
        let kind = match called {
            CallKind::Function => NameKind::Function,
            CallKind::Filter => NameKind::Filter,
            CallKind::Test => NameKind::Test,
        };
        let name = text.get(place.range()).unwrap_or_default();
        if !known.has(kind, name) {
            self.add(kind, name, place);
        } else if !known.is_added(kind, name) {
            self.misused.extend(arguments::misuse(text, kind, place));
        }
    }

    fn add(&mut self, kind: NameKind, name: &'t str, span: Span) {
        self.unknown.push(UnknownName { kind, name, span });
    }

    /// How many blocks the file has.
    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Gives `tera` something under each name that it would not find.
    pub(super) fn stand_in(&self, tera: &mut Tera) {
        let mut seen = BTreeSet::new();
        for UnknownName { kind, name, .. } in &self.unknown {
            if !seen.insert((*kind, *name)) {
                continue;
            }
            match kind {
                NameKind::Function => {
                    tera.register_function((*name).to_owned(), |_: Kwargs, _: &State| Value::none())
                }
                NameKind::Filter => {
                    tera.register_filter((*name).to_owned(), |value: Value, _: Kwargs, _: &State| value);
                }
                NameKind::Test => {
                    tera.register_test((*name).to_owned(), |_: Value, _: Kwargs, _: &State| true)
                }
                NameKind::Component | NameKind::Block => {}
            }
        }
    }

    /// A template that stands for the parents of the file. Tera asks it for nothing but the blocks that the file has.
    pub(super) fn parent(&self) -> String {
        let blocks = self.blocks.iter().filter(|name| is_block_name(name));
        blocks
            .map(|name| format!("{{% block {name} %}}{{% endblock %}}"))
            .collect()
    }

    /// Templates that stand for those that the file includes, and for the components of others.
    pub(super) fn templates(&self) -> Vec<(String, String)> {
        let components: String = self
            .components
            .iter()
            .filter(|name| is_component_name(name))
            .map(|name| format!("{{% component {name}(...rest) %}}{{% endcomponent %}}"))
            .collect();
        let included = self.templates.iter().map(|name| (name.clone(), String::new()));
        let stand_ins = (!components.is_empty()).then(|| (STAND_INS.to_owned(), components));
        included.chain(stand_ins).collect()
    }
}

/// Whether Tera takes an expression for names that nothing gives, where other engines have a meaning for it.
fn is_foreign(expression: &str) -> bool {
    if expression.len() > MAX_IDIOM_BYTES {
        return false;
    }
    let bytes = expression.as_bytes();
    let begins_so = match bytes.first() {
        Some(b'"' | b'\'') => engines::is_text_with_values(expression),
        Some(b'`') => expression.contains("${"),
        Some(b'a'..=b'z') => begins_with_call(expression),
        _ => false,
    };
    let may_be_constant = memchr::memchr3(b'N', b'T', b'F', bytes).is_some()
        || memchr::memchr(b'=', bytes)
            .is_some_and(|at| matches!(bytes.get(at + 1), Some(b'=')) || bytes[..at].ends_with(b"!"));
    begins_so
        || (may_be_constant && engines::has_constant(expression))
        || (bytes.contains(&b'+') && engines::joins_with_plus(expression))
        || OF_LOOPS
            .iter()
            .any(|name| memchr::memmem::find(bytes, name.as_bytes()).is_some())
}

/// What other engines call the turn of a loop.
const OF_LOOPS: [&str; 2] = ["forloop.", "loop.parent."];

/// Whether an expression begins with a word that calls something in Go or Handlebars, or is one.
fn begins_with_call(expression: &str) -> bool {
    const CALLS: [&str; 33] = [
        "range",
        "if",
        "with",
        "self",
        "and",
        "or",
        "not",
        "len",
        "index",
        "this",
        "eq",
        "ne",
        "lt",
        "gt",
        "le",
        "ge",
        "print",
        "println",
        "html",
        "js",
        "urlquery",
        "call",
        "slice",
        "upper",
        "lower",
        "title",
        "trim",
        "default",
        "template",
        "block",
        "partial",
        "safeHTML",
        "markdownify",
    ];
    let end = expression.bytes().position(|byte| !byte.is_ascii_alphanumeric());
    let (word, rest) = expression.split_at(end.unwrap_or(expression.len()));
    match rest.as_bytes() {
        [] => matches!(word, "super" | "else" | "end" | "this" | "break" | "continue"),
        [b' ', b'.', ..] => CALLS.contains(&word),
        [b'.', ..] => matches!(word, "self" | "this") || expression == "block.super",
        _ => false,
    }
}

/// Whether Tera takes a name for a block.
pub(super) fn is_block_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') && !name.contains('.')
}

/// Whether Tera takes a name for a component.
fn is_component_name(name: &str) -> bool {
    name.split('.').all(|part| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !RESERVED.contains(&part)
    })
}

/// Words that Tera does not read as names.
const RESERVED: [&str; 9] = [
    "true", "True", "false", "False", "none", "None", "null", "and", "or",
];

fn first_word(text: &str, span: Span) -> &str {
    let shown = text.get(span.range()).unwrap_or_default();
    shown
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .find(|word| !word.is_empty())
        .unwrap_or_default()
}

/// Where `name` stands in `span`; all of it where it does not.
fn name_in(text: &str, span: Span, name: &str) -> Span {
    let shown = text.get(span.range()).unwrap_or_default();
    // A block's name stands behind the word `block`.
    let skipped = shown.find("block").map_or(0, |at| at + 5);
    let found = shown
        .get(skipped..)
        .and_then(|rest| rest.find(name))
        .map(|at| at + skipped);
    match found.or_else(|| shown.find(name)) {
        Some(at) => {
            let start = span.start as usize + at;
            Span::new(start, start + name.len())
        }
        None => span,
    }
}
