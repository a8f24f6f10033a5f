//! What a place in a template speaks of.
#![deny(clippy::disallowed_methods)]

use crate::{
    delimiters::inner,
    expression_names::{behind_name, words},
    fragment::{AttributeText, Item, OfferTag},
    model::spelled,
    site::{fragments, visit},
    source::Span,
    tree::{FragmentNode, Node, Reference, SectionKind},
};

use super::site_view::SiteView;

/// Something that a template names. A service is empty where it is this one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// A service.
    Service(String),
    /// A fragment.
    Fragment(FragmentName),
    /// What a fragment gives to pages.
    Export(FragmentName, String),
    /// What a fragment takes from pages.
    Import(FragmentName, String),
    /// An attribute of the pages around the place, as Tera spells it.
    Attribute(String),
    /// Another template.
    Template(String),
}

/// A fragment, by its service and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FragmentName {
    pub(super) service: String,
    pub(super) reference: String,
}

/// The subjects at a byte of a template, with the place of the name. Where one name stands for two, as in `imports="dob"`, the page's
/// attribute comes first.
pub(super) fn subjects(view: &SiteView<'_>, file: usize, offset: u32) -> Vec<(Subject, Span)> {
    let template = &view.site.files[file];
    let text = template.source.text.as_str();
    let holds = |span: Span| span.start <= offset && offset <= span.end;
    for tag in fragments(&template.tree.nodes) {
        if holds(tag.open) {
            let found = of_tag(view, tag, &holds);
            if !found.is_empty() {
                return found;
            }
        }
    }
    for offer in template.tree.offers.iter().filter(|offer| holds(offer.open)) {
        let found = of_offer(&offer.tag, &holds);
        if !found.is_empty() {
            return found;
        }
    }
    let stated = template
        .tree
        .attributes
        .iter()
        .flat_map(|tag| tag.attributes.iter().flatten());
    let mut stated = stated.filter(|declared| holds(declared.span));
    if let Some(declared) = stated.next() {
        return vec![(
            Subject::Attribute(spelled(&declared.name).into_owned()),
            declared.span,
        )];
    }
    let mut found = Vec::new();
    visit(&template.tree.nodes, &mut |node| match node {
        _ if !found.is_empty() => {}
        Node::Reference(reference) if holds(reference.open.span) => {
            found.extend(of_reference(text, reference))
        }
        node => {
            for expression in expressions(text, node).into_iter().filter(|span| holds(*span)) {
                let mut names = words(text, expression)
                    .into_iter()
                    .filter(|(_, span)| holds(*span));
                found.extend(
                    names
                        .next()
                        .map(|(name, span)| (Subject::Attribute(name.to_owned()), span)),
                );
            }
        }
    });
    found
}

/// The fragment that a tag names, if both its names are fixed.
pub(super) fn named(view: &SiteView<'_>, tag: &FragmentNode) -> Option<FragmentName> {
    let fragment = &tag.fragment;
    Some(FragmentName {
        service: view.service(fragment.fixed_service()?).to_owned(),
        reference: fragment.fixed_reference()?.to_owned(),
    })
}

fn of_tag(view: &SiteView<'_>, tag: &FragmentNode, holds: &dyn Fn(Span) -> bool) -> Vec<(Subject, Span)> {
    let fragment = &tag.fragment;
    let name = named(view, tag);
    if let Some(service) = fragment.service.as_ref().filter(|service| holds(service.span)) {
        let fixed = fragment.fixed_service().map(|name| view.service(name).to_owned());
        return fixed
            .map(|name| (Subject::Service(name), service.span))
            .into_iter()
            .collect();
    }
    if let Some(reference) = fragment
        .reference
        .as_ref()
        .filter(|reference| holds(reference.span))
    {
        return name
            .map(|name| (Subject::Fragment(name), reference.span))
            .into_iter()
            .collect();
    }
    let attribute = |item: &Item| Subject::Attribute(spelled(item.root()).into_owned());
    for item in &fragment.imports {
        let import = name
            .clone()
            .map(|name| (Subject::Import(name, item.target().to_owned()), item.target_span));
        if holds(item.name_span) {
            let own = (attribute(item), item.name_span);
            return std::iter::once(own)
                .chain(import.filter(|_| item.alias.is_none()))
                .collect();
        }
        if holds(item.target_span) {
            return import.into_iter().collect();
        }
    }
    for item in &fragment.exports {
        let target = || {
            (
                Subject::Attribute(spelled(item.target()).into_owned()),
                item.target_span,
            )
        };
        if holds(item.name_span) {
            let export = name.map(|name| (Subject::Export(name, item.name().to_owned()), item.name_span));
            let own = item.alias.is_none().then(target);
            return export.into_iter().chain(own).collect();
        }
        if holds(item.target_span) {
            return vec![target()];
        }
    }
    // The name of the tag speaks of its fragment.
    let start = Span {
        start: tag.open.start,
        end: tag.open.start + "<m:fragment".len() as u32,
    };
    let fragment = name
        .filter(|_| holds(start))
        .map(|name| (Subject::Fragment(name), start));
    fragment.into_iter().collect()
}

fn of_offer(tag: &OfferTag, holds: &dyn Fn(Span) -> bool) -> Vec<(Subject, Span)> {
    let Some(reference) = &tag.reference else {
        return Vec::new();
    };
    let name = FragmentName {
        service: String::new(),
        reference: reference.value.to_string(),
    };
    if holds(reference.span) {
        return vec![(Subject::Fragment(name), reference.span)];
    }
    let own = tag.attributes.iter().flatten();
    let imports = tag
        .imports
        .iter()
        .map(|declared| (declared, Subject::Import(name.clone(), declared.name.clone())));
    let exports = tag
        .exports
        .iter()
        .map(|declared| (declared, Subject::Export(name.clone(), declared.name.clone())));
    let own = own.map(|declared| (declared, Subject::Attribute(spelled(&declared.name).into_owned())));
    let mut declared = imports.chain(exports).chain(own);
    let found = declared.find(|(declared, _)| holds(declared.span));
    found
        .map(|(declared, subject)| (subject, declared.span))
        .into_iter()
        .collect()
}

/// The file that a statement names, with the place of the name.
pub(super) fn of_reference(text: &str, reference: &Reference) -> Option<(Subject, Span)> {
    let statement = text.get(reference.open.span.range())?;
    let start = reference.open.span.start as usize + statement.find(&reference.name)?;
    let span = Span::new(start, start + reference.name.len());
    Some((Subject::Template(reference.name.clone()), span))
}

/// The expressions of a node, without those of the nodes inside.
pub(super) fn expressions(text: &str, node: &Node) -> Vec<Span> {
    match node {
        Node::Print(span) => vec![inner(text, *span)],
        Node::If(node) => node.arms.iter().map(|arm| arm.open.inner).collect(),
        Node::For(node) => vec![node.header],
        Node::Set(node) => vec![node.value],
        Node::Section(node) => match node.kind {
            SectionKind::Filter => vec![behind_name(text, node.open.inner)],
            SectionKind::Call => vec![node.open.inner],
            _ => Vec::new(),
        },
        Node::Fragment(node) => {
            let texts = [&node.fragment.service, &node.fragment.reference]
                .into_iter()
                .flatten();
            let expressions = texts.filter_map(|text| match text.value {
                AttributeText::Expression(span) => Some(span),
                AttributeText::Fixed(_) => None,
            });
            expressions.collect()
        }
        _ => Vec::new(),
    }
}
