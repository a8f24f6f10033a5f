//! What can be written at a place.
#![deny(clippy::disallowed_methods)]

use hydra_contract::{FragmentContract, Type};

use crate::{
    fragment::ATTRIBUTES,
    site::visit,
    source::Span,
    tree::{Node, SectionKind},
};

use super::{
    cursor::{Cursor, OpenTag, Writing},
    facts::{self, Attribute, Giver},
    site_view::SiteView,
};

/// Something that can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The text.
    pub(super) label: String,
    /// What it is.
    pub(super) kind: CandidateKind,
    /// Its type or its owner, in a few words.
    pub(super) detail: String,
}

/// What a candidate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidateKind {
    /// A tag.
    Tag,
    /// An attribute of a tag.
    TagAttribute,
    /// A service.
    Service,
    /// A fragment.
    Fragment,
    /// An import or an export of a fragment.
    Member,
    /// An attribute of the page.
    PageAttribute,
    /// A name that the template sets.
    Variable,
    /// One of a few words.
    Word,
    /// A template.
    Template,
}

/// The words of `mode`.
const MODES: [&str; 3] = ["inline", "deferred", "lazy"];

/// The types of typed lists.
const TYPES: [&str; 9] = [
    "string",
    "integer",
    "number",
    "boolean",
    "date",
    "datetime",
    "list<any>",
    "map<any>",
    "any",
];

/// The attributes that offer a fragment, without the prefix.
const OFFER_ATTRIBUTES: [(&str, &str); 7] = [
    ("ref", "the name of the fragment that this element is"),
    ("imports", "what the fragment takes"),
    ("exports", "what the fragment gives"),
    ("attributes", "what the template needs"),
    ("styles", "the style sheets that it needs"),
    ("scripts", "the scripts that it needs"),
    ("action", "on a form: the action that handles what visitors send"),
];

/// What can be written. The view has the template without the tag or expression that is being written.
pub(super) fn candidates(
    view: &SiteView<'_>,
    file: usize,
    prefix: &str,
    writing: &Writing,
) -> Vec<Candidate> {
    let at = writing.construct.start;
    match &writing.cursor {
        Cursor::TagName => vec![candidate(
            format!("{prefix}:fragment"),
            CandidateKind::Tag,
            "a fragment of a service",
        )],
        Cursor::AttributeName { tag } => attribute_names(prefix, tag),
        Cursor::Value { tag, name, before } if tag.is_fragment => {
            fragment_value(view, file, at, tag, name, before)
        }
        Cursor::Value { name, before, .. } => {
            match name.strip_prefix(prefix).and_then(|name| name.strip_prefix(':')) {
                Some("imports" | "exports" | "attributes") => types(before),
                _ => Vec::new(),
            }
        }
        Cursor::Template => {
            let others = view
                .site
                .files
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != file);
            let names = others.map(|(_, other)| other.source.name.as_str());
            names
                .map(|name| candidate(name, CandidateKind::Template, ""))
                .collect()
        }
        Cursor::Expression { before } => in_expression(view, file, at, before),
    }
}

fn candidate(label: impl Into<String>, kind: CandidateKind, detail: impl Into<String>) -> Candidate {
    Candidate {
        label: label.into(),
        kind,
        detail: detail.into(),
    }
}

fn attribute_names(prefix: &str, tag: &OpenTag) -> Vec<Candidate> {
    let missing = |name: &str| tag.attribute(name).is_none();
    if tag.is_fragment {
        let names = ATTRIBUTES.into_iter().filter(|name| missing(name));
        return names
            .map(|name| candidate(name, CandidateKind::TagAttribute, ""))
            .collect();
    }
    let names = OFFER_ATTRIBUTES
        .into_iter()
        .map(|(name, detail)| (format!("{prefix}:{name}"), detail));
    let names = names.filter(|(name, _)| missing(name));
    names
        .map(|(name, detail)| candidate(name, CandidateKind::TagAttribute, detail))
        .collect()
}

/// The values of the attributes of `<m:fragment>`.
fn fragment_value(
    view: &SiteView<'_>,
    file: usize,
    at: u32,
    tag: &OpenTag,
    name: &str,
    before: &str,
) -> Vec<Candidate> {
    let service = view.service(tag.attribute("service").unwrap_or_default().trim());
    let reference = tag.attribute("ref").unwrap_or_default().trim();
    match name {
        "service" if before.contains("{{") => in_expression(view, file, at, before),
        "service" => services(view),
        "ref" if before.contains("{{") => in_expression(view, file, at, before),
        "ref" => references(view, service),
        "mode" => MODES
            .iter()
            .map(|mode| candidate(*mode, CandidateKind::Word, ""))
            .collect(),
        "imports" => imports(view, (file, at), (service, reference), before),
        "exports" => exports(view, (service, reference), before),
        _ => Vec::new(),
    }
}

fn services(view: &SiteView<'_>) -> Vec<Candidate> {
    let own = candidate("self", CandidateKind::Service, "this service");
    let others = view
        .services()
        .map(|name| candidate(name, CandidateKind::Service, fragments_of(view, name)));
    others.chain([own]).collect()
}

fn fragments_of(view: &SiteView<'_>, service: &str) -> String {
    match view.references(service).as_slice() {
        [one] => format!("offers {one}"),
        all => format!("offers {} fragments", all.len()),
    }
}

fn references(view: &SiteView<'_>, service: &str) -> Vec<Candidate> {
    let names = view.references(service).into_iter();
    let fragments = names.map(|name| {
        let contract = contract(view, service, &name);
        let takes: Vec<&str> = contract.imports.keys().map(String::as_str).collect();
        let detail = match takes.is_empty() {
            true => String::new(),
            false => format!("takes {}", takes.join(", ")),
        };
        candidate(name, CandidateKind::Fragment, detail)
    });
    fragments.collect()
}

/// What a page can pass: the names that the fragment takes and the page has, then those that it takes under another name, then
/// all others of the page. Behind `as`, only what the fragment takes.
fn imports(
    view: &SiteView<'_>,
    (file, at): (usize, u32),
    (service, reference): (&str, &str),
    before: &str,
) -> Vec<Candidate> {
    let contract = contract(view, service, reference);
    let written = written(before);
    let missing = contract
        .imports
        .iter()
        .filter(|(name, _)| !written.contains(&name.as_str()));
    if is_behind_as(before) {
        let names =
            missing.map(|(name, import)| candidate(name, CandidateKind::Member, import.ty.to_string()));
        return names.collect();
    }
    let page = facts::attributes(view, file, at);
    let mut found: Vec<Candidate> = missing
        .filter(|(name, _)| page.contains_key(*name) || page.is_empty())
        .map(|(name, import)| {
            candidate(
                name,
                CandidateKind::Member,
                format!("{}, taken by `{reference}`", import.ty),
            )
        })
        .collect();
    for (name, givers) in &page {
        if !found.iter().any(|other| other.label == *name) && !written.contains(&name.as_str()) {
            found.push(candidate(
                name,
                CandidateKind::PageAttribute,
                giver_detail(givers),
            ));
        }
    }
    found
}

/// What a fragment imports and exports: nothing if no contract names the fragment.
fn contract(view: &SiteView<'_>, service: &str, reference: &str) -> FragmentContract {
    let known = view.fragment(service, reference);
    known.map(|known| known.contract).unwrap_or_default()
}

fn exports(view: &SiteView<'_>, (service, reference): (&str, &str), before: &str) -> Vec<Candidate> {
    if is_behind_as(before) {
        return Vec::new();
    }
    let contract = contract(view, service, reference);
    let written = written(before);
    let missing = contract
        .exports
        .iter()
        .filter(|(name, _)| !written.contains(&name.as_str()));
    missing
        .map(|(name, ty)| candidate(name, CandidateKind::Member, ty.to_string()))
        .collect()
}

/// The types, behind the colon of an item.
fn types(before: &str) -> Vec<Candidate> {
    let item = before.rsplit(',').next().unwrap_or_default();
    let is_type = item.contains(':') && !item.contains('=');
    let types = TYPES.into_iter().filter(|_| is_type);
    types.map(|ty| candidate(ty, CandidateKind::Word, "")).collect()
}

/// The sides of the items that stand before the last comma.
fn written(before: &str) -> Vec<&str> {
    let items = before.rsplit_once(',').map_or("", |(items, _)| items).split(',');
    items
        .flat_map(|item| item.split(" as ").map(str::trim))
        .filter(|name| !name.is_empty())
        .collect()
}

/// Whether the name that is being written is an alias.
fn is_behind_as(before: &str) -> bool {
    let item = before.rsplit(',').next().unwrap_or_default();
    item.split_whitespace().rev().take(2).any(|word| word == "as")
        && item.split_whitespace().next() != Some("as")
}

/// The names in an expression: the page's attributes, and what the template sets. Behind a `.` and a `|` there are none of them.
fn in_expression(view: &SiteView<'_>, file: usize, at: u32, before: &str) -> Vec<Candidate> {
    let inside = before.trim_start_matches(['{', '%', '-']);
    let last = inside.trim_end();
    let begins_statement = last.trim_start().is_empty() && before.starts_with("{%");
    if begins_statement || last.ends_with(['.', '|']) {
        return Vec::new();
    }
    let page = facts::attributes(view, file, at);
    let mut found: Vec<Candidate> = page
        .iter()
        .map(|(name, givers)| candidate(name, CandidateKind::PageAttribute, giver_detail(givers)))
        .collect();
    for name in variables(view, file) {
        if !page.contains_key(&name) && !found.iter().any(|other| other.label == name) {
            found.push(candidate(name, CandidateKind::Variable, "set in this template"));
        }
    }
    found
}

/// "date, a field of `Checkout`".
fn giver_detail(givers: &[Attribute]) -> String {
    let Some(first) = givers.first() else {
        return String::new();
    };
    let is_one_type = givers.iter().all(|giver| giver.ty == first.ty);
    let ty = if is_one_type { &first.ty } else { &Type::Any };
    match &first.giver {
        Giver::Field(owner, _) => format!("{ty}, a field of `{owner}`"),
        Giver::Handler => format!("{ty}, stated by `{}`", first.unit),
        Giver::Import => format!("{ty}, an import"),
        Giver::Export(fragment, _) => format!("{ty}, an export of `{}`", fragment.reference),
        Giver::Set => "set on this page".to_owned(),
    }
}

/// The names that loops, `set` and components of a file bind, wherever they do.
fn variables(view: &SiteView<'_>, file: usize) -> Vec<String> {
    let mut names = Vec::new();
    visit(&view.site.files[file].tree.nodes, &mut |node| match node {
        Node::For(node) => names.extend(node.names.iter().cloned()),
        Node::Set(node) => names.push(node.name.clone()),
        Node::Section(node) if matches!(node.kind, SectionKind::Capture | SectionKind::CaptureGlobal) => {
            names.push(node.name.clone());
        }
        _ => {}
    });
    names.sort();
    names.dedup();
    names
}

/// A text without what is being written: spaces take its place, so that everything else stays where it is.
pub(super) fn without(text: &str, construct: Span) -> String {
    let blank: String = text[construct.range()]
        .chars()
        .flat_map(|c| std::iter::repeat_n(if c == '\n' { '\n' } else { ' ' }, c.len_utf8()))
        .collect();
    let mut text = text.to_owned();
    text.replace_range(construct.range(), &blank);
    text
}
