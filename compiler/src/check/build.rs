//! Builds the checked page or offer, from which the graph, the bindings and the contract are made.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use hydra_contract::{FragmentContract, Type};

use crate::{
    delimiters::is_blank,
    fragment::{AttributeText, Attributed, Item},
    model::{
        CheckedForm, CheckedFragment, CheckedOffer, CheckedPage, Flow, FragmentTag, ImportOrigin,
        NeededAttribute, PageAttributes, UseKind, spelled,
    },
    source::{LineColumn, Location, SourceId},
    tree::{Form, Node, Offer},
    waves::Waves,
};

use super::{
    offered_fragments::ContractLookup,
    rule_input::{RuleInput, target_place},
};

/// What a page leaves.
pub(super) fn page(input: &RuleInput<'_, '_>, waves: &Waves) -> CheckedPage {
    let taken = match input.exporters.is_empty() {
        true => BTreeSet::new(),
        false => input.taken().clone(),
    };
    CheckedPage {
        template: input.page_name().to_owned(),
        attributes: needed(input),
        fragments: fragments(input, waves),
        forms: page_forms(input),
        taken,
    }
}

/// What an offered fragment leaves.
pub(super) fn offer(input: &RuleInput<'_, '_>, offer: &Offer, waves: &Waves) -> CheckedOffer {
    let tag = &offer.tag;
    let imports: BTreeSet<_> = tag.imports.iter().map(|import| spelled(&import.name)).collect();
    let mut needs = needed(input);
    needs.retain(|needed| !imports.contains(needed.name.as_str()));
    let reference = tag.reference.as_ref();
    CheckedOffer {
        reference: reference
            .map(|reference| reference.value.to_string())
            .unwrap_or_default(),
        template: input.page_name().to_owned(),
        place: offer.open.at(input.site.files[input.unit.file].id),
        imports: tag.imports.to_vec(),
        exports: tag.exports.to_vec(),
        stated: tag.attributes.as_deref().unwrap_or_default().to_vec(),
        needs,
        forms: input
            .page
            .forms
            .iter()
            .map(|used| form(used.source, used.form))
            .collect(),
        fragments: fragments(input, waves),
    }
}

fn page_forms(input: &RuleInput<'_, '_>) -> Vec<CheckedForm> {
    let forms = input.site.page_forms(input.unit.file).into_iter();
    forms.map(|(place, used)| form(place.source, used)).collect()
}

fn form(source: SourceId, form: &Form) -> CheckedForm {
    let fields = form.fields.iter();
    CheckedForm {
        action: form.action.value.to_string(),
        place: form.action.span.at(source),
        fields: fields
            .map(|field| (field.name.clone(), field.kind, field.tag.at(source)))
            .collect(),
        is_open: form.is_open,
    }
}

/// What the template states, and what it uses that nothing in it provides.
fn needed(input: &RuleInput<'_, '_>) -> Vec<NeededAttribute> {
    let PageAttributes { names, tolerated, .. } = &input.page.attributes;
    let need = |name: &str, ty| NeededAttribute {
        name: name.to_owned(),
        ty,
        used: None,
    };
    let stated = names.iter();
    let mut found: BTreeMap<String, NeededAttribute> = stated
        .map(|(name, attribute)| (name.clone(), need(name, attribute.ty.clone())))
        .collect();
    for used in input.page.uses.iter().filter(|used| used.component.is_none()) {
        let name = used.name.as_ref();
        if used.kind == UseKind::Everything || !input.exporters.get(name).is_empty() {
            continue;
        }
        let needed = found
            .entry(name.to_owned())
            .or_insert_with(|| need(name, Type::Any));
        if used.kind != UseKind::Lenient && !tolerated.contains(name) {
            needed.used.get_or_insert((used.order, used.location));
        }
    }
    found.into_values().collect()
}

fn fragments(input: &RuleInput<'_, '_>, waves: &Waves) -> Vec<CheckedFragment> {
    let tags = input
        .page
        .tags
        .iter()
        .zip(waves.of.iter().copied().chain(std::iter::repeat(0)));
    tags.map(|(tag, wave)| fragment(input, tag, wave)).collect()
}

fn fragment(input: &RuleInput<'_, '_>, tag: &FragmentTag<'_>, wave: u32) -> CheckedFragment {
    let fragment = &tag.node.fragment;
    let text = input.source(tag.source).map_or("", |source| &source.text);
    let written = |at: &Attributed<AttributeText>| match &at.value {
        AttributeText::Fixed(name) => name.to_string(),
        AttributeText::Expression(_) => text.get(at.span.range()).unwrap_or_default().trim().to_owned(),
    };
    let promised: Option<&FragmentContract> = match input.look_up_contract(tag) {
        ContractLookup::Fragment(promised, _) => Some(promised),
        _ => None,
    };
    let import_type = |name: &str| {
        promised
            .and_then(|promised| promised.imports.get(name))
            .map(|import| import.ty.clone())
            .unwrap_or_default()
    };
    let imports = fragment
        .imports
        .iter()
        .zip(&tag.imports)
        .map(|(item, source)| Flow {
            from: item.name().to_owned(),
            to: item.target().to_owned(),
            ty: import_type(item.target()),
            stated: (*source == ImportOrigin::Page)
                .then(|| page_type(input, tag, item))
                .flatten(),
            place: item.name_span.at(tag.source),
            of_page: *source == ImportOrigin::Page && !item.is_path(),
        });
    let exports = tag.exports().map(|item| Flow {
        from: item.name().to_owned(),
        to: item.target().to_owned(),
        ty: input.export_type(tag, item),
        stated: None,
        place: target_place(tag, item),
        of_page: false,
    });
    let computed = |at: &Option<Attributed<AttributeText>>| {
        at.as_ref()
            .is_some_and(|at| matches!(at.value, AttributeText::Expression(_)))
    };
    let service = match fragment.fixed_service() {
        Some(service) => service.to_owned(),
        None => fragment.service.as_ref().map(written).unwrap_or_default(),
    };
    let place = tag.location();
    CheckedFragment {
        place,
        at: position(input, place),
        service,
        own: input.is_own(tag),
        reference: fragment.reference.as_ref().map(written).unwrap_or_default(),
        any_service: computed(&fragment.service),
        any_reference: computed(&fragment.reference),
        imports: imports.collect(),
        exports: exports.collect(),
        required: fragment.required,
        mode: fragment.mode,
        fallback: has_content(&tag.node.fallback, text),
        wave,
    }
}

/// The type of what a tag hands over, where the page states it or another fragment's contract does.
fn page_type(input: &RuleInput<'_, '_>, tag: &FragmentTag<'_>, item: &Item) -> Option<Type> {
    if item.is_path() {
        return None;
    }
    let name = spelled(item.root());
    let stated = input.page.attributes.names.get(name.as_ref());
    let given = || {
        let exporters = input.exporters_in(&name, tag.branch);
        exporters.map(|(tag, item)| input.export_type(tag, item)).next()
    };
    let ty = stated.map(|attribute| attribute.ty.clone()).or_else(given);
    ty.filter(|ty| *ty != Type::Any)
}

/// Whether nodes print anything but white space.
pub(super) fn has_content(nodes: &[Node], text: &str) -> bool {
    nodes.iter().any(|node| match node {
        Node::Text(span) => !is_blank(text.get(span.range()).unwrap_or_default()),
        Node::Cut(_) => false,
        Node::Opaque(span) => !text.get(span.range()).unwrap_or_default().starts_with("{#"),
        _ => true,
    })
}

fn position(input: &RuleInput<'_, '_>, place: Location) -> LineColumn {
    let start = LineColumn { line: 1, column: 1 };
    input
        .source(place.source)
        .map_or(start, |source| source.line_column(place.span.start))
}
