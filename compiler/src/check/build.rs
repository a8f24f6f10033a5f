//! Page → what the checks leave of it.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use hydra_contract::{FragmentContract, Type};

use crate::{
    fragment::{Attributed, Item, Text},
    model::{
        CheckedFragment, CheckedOffer, CheckedPage, Flow, GivenExport, Needed, Source, Tag, UseKind, spelled,
    },
    source::{LineColumn, Location},
    tree::{Node, Offer},
    waves::Waves,
};

use super::{offered::Promise, subject::Subject};

/// What a page leaves.
pub(super) fn page(subject: &Subject<'_, '_>, waves: &Waves) -> CheckedPage {
    CheckedPage {
        template: subject.page_name().to_owned(),
        attributes: needed(subject),
        stated: subject.page.attributes.stated,
        exports: given(subject),
        fragments: fragments(subject, waves),
    }
}

/// What an offered fragment leaves.
pub(super) fn offer(subject: &Subject<'_, '_>, offer: &Offer, waves: &Waves) -> CheckedOffer {
    let imports = &offer.tag.imports;
    let mut needs = needed(subject);
    needs.retain(|needed| {
        !imports
            .iter()
            .any(|import| spelled(&import.name) == needed.name.as_str())
    });
    let place = offer.open.at(subject.site.files[subject.unit.file].id);
    CheckedOffer {
        reference: offer
            .tag
            .reference
            .as_ref()
            .map(|reference| reference.value.clone())
            .unwrap_or_default(),
        template: subject.page_name().to_owned(),
        place,
        at: position(subject, place),
        imports: imports.clone(),
        exports: offer.tag.exports.clone(),
        needs,
        given: given(subject),
        fragments: fragments(subject, waves),
    }
}

/// What the template states, and what it uses that nothing in it provides.
fn needed(subject: &Subject<'_, '_>) -> Vec<Needed> {
    let mut found: BTreeMap<String, Needed> = BTreeMap::new();
    for (name, attribute) in &subject.page.attributes.names {
        let stated = attribute.field.is_none();
        found.insert(
            name.clone(),
            need(subject, name, attribute.ty.clone(), attribute.place, stated),
        );
    }
    for used in subject.page.uses.iter().filter(|used| used.component.is_none()) {
        if used.kind == UseKind::Everything || subject.givers.contains_key(used.name.as_ref()) {
            continue;
        }
        let needed = found
            .entry(used.name.to_string())
            .or_insert_with(|| need(subject, &used.name, Type::Any, used.location, false));
        needed.used |= used.kind != UseKind::Lenient;
    }
    found.into_values().collect()
}

fn need(subject: &Subject<'_, '_>, name: &str, ty: Type, place: Location, stated: bool) -> Needed {
    Needed {
        name: name.to_owned(),
        ty,
        place,
        file: subject.source(place.source).map(|source| source.name.clone()),
        at: position(subject, place),
        used: false,
        stated,
    }
}

fn given(subject: &Subject<'_, '_>) -> Vec<GivenExport> {
    let givers = subject
        .givers
        .iter()
        .flat_map(|(name, givers)| givers.iter().map(move |giver| (name, giver)));
    givers
        .map(|(name, giver)| {
            let tag = &subject.page.tags[giver.tag];
            let place = giver.item.target_span.at(tag.source);
            GivenExport {
                name: name.clone(),
                ty: subject.export_type(tag, giver.item),
                place,
                file: file_name(subject, place),
                at: position(subject, place),
                fragment: giver.tag,
            }
        })
        .collect()
}

fn fragments(subject: &Subject<'_, '_>, waves: &Waves) -> Vec<CheckedFragment> {
    let tags = subject
        .page
        .tags
        .iter()
        .zip(waves.of.iter().copied().chain(std::iter::repeat(0)));
    tags.map(|(tag, wave)| fragment(subject, tag, wave)).collect()
}

fn fragment(subject: &Subject<'_, '_>, tag: &Tag<'_>, wave: u32) -> CheckedFragment {
    let fragment = &tag.node.fragment;
    let text = subject.source(tag.source).map_or("", |source| &source.text);
    let written = |at: &Attributed<Text>| match &at.value {
        Text::Fixed(name) => name.clone(),
        Text::Expression(_) => text.get(at.span.range()).unwrap_or_default().trim().to_owned(),
    };
    let promised: Option<&FragmentContract> = match subject.promise(tag) {
        Promise::Fragment(promised, _) => Some(promised),
        _ => None,
    };
    let import_type = |name: &str| {
        promised
            .and_then(|promised| promised.imports.get(name))
            .map(|import| import.ty.clone())
    };
    let flow = |from: String, to: &str, ty: Option<Type>| Flow {
        from,
        to: to.to_owned(),
        ty: ty.unwrap_or_default(),
    };
    // What the page says it is goes before what the fragment was to get when the page was built.
    let handed = |(item, source): (&Item, &Source)| {
        let stated = (*source == Source::Page).then(|| page_type(subject, tag, item));
        let ty = stated.flatten().or_else(|| import_type(item.target()));
        flow(item.name(), item.target(), ty)
    };
    let computed = |at: &Option<Attributed<Text>>| {
        at.as_ref()
            .is_some_and(|at| matches!(at.value, Text::Expression(_)))
    };
    let place = tag.location();
    CheckedFragment {
        place,
        file: file_name(subject, place),
        at: position(subject, place),
        service: fragment
            .service
            .as_ref()
            .filter(|_| !subject.is_own(tag))
            .map(written),
        reference: fragment.reference.as_ref().map(written).unwrap_or_default(),
        any_service: computed(&fragment.service),
        any_reference: computed(&fragment.reference),
        imports: fragment.imports.iter().zip(&tag.imports).map(handed).collect(),
        exports: tag
            .exports()
            .map(|item| flow(item.name(), item.target(), Some(subject.export_type(tag, item))))
            .collect(),
        fallback: has_content(&tag.node.fallback, text),
        required: fragment.required,
        mode: fragment.mode,
        wave,
    }
}

/// The type of what a tag hands over, where the page states it or another fragment's contract does.
fn page_type(subject: &Subject<'_, '_>, tag: &Tag<'_>, item: &Item) -> Option<Type> {
    if item.path.len() > 1 {
        return None;
    }
    let name = spelled(item.root());
    let stated = subject.page.attributes.names.get(name.as_ref());
    let given = || {
        let givers = subject.givers_in(&name, tag.branch);
        givers.map(|(tag, item)| subject.export_type(tag, item)).next()
    };
    let ty = stated.map(|attribute| attribute.ty.clone()).or_else(given);
    ty.filter(|ty| *ty != Type::Any)
}

/// Whether nodes print anything but white space.
pub(super) fn has_content(nodes: &[Node], text: &str) -> bool {
    nodes.iter().any(|node| match node {
        Node::Text(span) => !text.get(span.range()).unwrap_or_default().trim().is_empty(),
        Node::Cut(_) => false,
        Node::Opaque(span) => !text.get(span.range()).unwrap_or_default().starts_with("{#"),
        _ => true,
    })
}

fn file_name(subject: &Subject<'_, '_>, place: Location) -> String {
    subject
        .source(place.source)
        .map(|source| source.name.clone())
        .unwrap_or_default()
}

fn position(subject: &Subject<'_, '_>, place: Location) -> LineColumn {
    let start = LineColumn { line: 1, column: 1 };
    subject
        .source(place.source)
        .map_or(start, |source| source.line_column(place.span.start))
}
