//! Makes the [`Model`] from a checked site.
#![deny(clippy::disallowed_methods)]

mod quoted_lines;

use std::collections::{BTreeMap, BTreeSet};

use hydra_contract::Type;

use super::model::{
    AttributeModel, ExportModel, FieldModel, FormModel, ImportModel, MODEL_FORMAT, Model, NeedModel,
    OfferModel, PageModel, SlotModel,
};
use crate::{
    fragment::Declared,
    model::{
        CheckedForm, CheckedFragment, CheckedModel, CheckedOffer, CheckedPage, NeededAttribute, spelled,
    },
    site::Site,
};
use quoted_lines::QuotedLines;

/// What the templates of a site need and give: `checked` is what the checks left of it.
#[must_use]
pub fn collect(site: &Site<'_>, checked: &CheckedModel) -> Model {
    let spots = QuotedLines { site };
    let mut model = Model {
        format: MODEL_FORMAT,
        pages: checked
            .pages
            .iter()
            .map(|checked| page(checked, &spots))
            .collect(),
        offers: checked
            .offers
            .iter()
            .map(|checked| offer(checked, &spots))
            .collect(),
        forms: page_forms(&checked.pages, &spots),
    };
    model
        .pages
        .sort_by(|one, other| one.template.cmp(&other.template));
    model
        .offers
        .sort_by(|one, other| one.reference.cmp(&other.reference));
    model
}

fn page(checked: &CheckedPage, spots: &QuotedLines<'_, '_>) -> PageModel {
    let fragments = &checked.fragments;
    PageModel {
        template: checked.template.clone(),
        needs: needs(&checked.attributes, spots),
        exports: fragments
            .iter()
            .flat_map(|fragment| exports(fragment, spots))
            .collect(),
        imports: fragments
            .iter()
            .flat_map(|fragment| imports(fragment, spots))
            .collect(),
        slots: fragments.iter().map(|fragment| slot(fragment, spots)).collect(),
        taken: checked.taken.iter().cloned().collect(),
    }
}

/// What the handler has to give: names that nothing else gives for certain, in the order of their first uses.
fn needs(attributes: &[NeededAttribute], spots: &QuotedLines<'_, '_>) -> Vec<NeedModel> {
    let used = attributes
        .iter()
        .filter_map(|needed| needed.used.map(|used| (used, needed)));
    let mut used: Vec<_> = used.collect();
    used.sort_by_key(|((order, _), _)| *order);
    let needs = used.into_iter().map(|((_, place), needed)| NeedModel {
        name: needed.name.clone(),
        spot: spots.at(place),
    });
    needs.collect()
}

fn exports(fragment: &CheckedFragment, spots: &QuotedLines<'_, '_>) -> Vec<ExportModel> {
    let exports = fragment.exports.iter().map(|flow| ExportModel {
        name: spelled(&flow.to).into_owned(),
        from: flow.from.clone(),
        service: service(fragment).to_owned(),
        exporter: title(fragment),
        spot: spots.at(flow.place),
    });
    exports.collect()
}

/// The attributes of the page that a tag hands over whole.
fn imports(fragment: &CheckedFragment, spots: &QuotedLines<'_, '_>) -> Vec<ImportModel> {
    let of_page = fragment.imports.iter().filter(|flow| flow.of_page);
    let imports = of_page.map(|flow| ImportModel {
        name: spelled(&flow.from).into_owned(),
        to: flow.to.clone(),
        importer: title(fragment),
        ty: flow.ty.clone(),
        spot: spots.at(flow.place),
    });
    imports.collect()
}

fn slot(fragment: &CheckedFragment, spots: &QuotedLines<'_, '_>) -> SlotModel {
    let imports = fragment.imports.iter();
    let exports = fragment.exports.iter();
    SlotModel {
        service: service(fragment).to_owned(),
        reference: match fragment.any_reference {
            true => String::new(),
            false => fragment.reference.clone(),
        },
        imports: imports.map(|flow| attribute(flow.to.clone(), &flow.ty)).collect(),
        exports: exports
            .map(|flow| attribute(spelled(&flow.to).into_owned(), &flow.ty))
            .collect(),
        spot: spots.at(fragment.place),
    }
}

fn offer(checked: &CheckedOffer, spots: &QuotedLines<'_, '_>) -> OfferModel {
    let imports: BTreeSet<_> = checked
        .imports
        .iter()
        .map(|import| spelled(&import.name))
        .collect();
    let in_tera = |declared: &Declared| AttributeModel {
        rust: declared.rust.as_ref().map(|rust| rust.name.clone()),
        ..attribute(spelled(&declared.name).into_owned(), &declared.ty)
    };
    let stated = checked.stated.iter().chain(&checked.exports).map(in_tera);
    let used = needs(&checked.needs, spots)
        .into_iter()
        .map(|need| attribute(need.name, &Type::Any));
    let mut seen = BTreeSet::new();
    let attributes = stated.chain(used).filter(|attribute| {
        !imports.contains(attribute.name.as_str()) && seen.insert(attribute.name.clone())
    });
    OfferModel {
        reference: checked.reference.clone(),
        attributes: attributes.collect(),
        imports: checked
            .imports
            .iter()
            .map(|import| attribute(import.name.clone(), &import.ty))
            .collect(),
        exports: checked.exports.iter().map(|export| export.name.clone()).collect(),
        forms: checked.forms.iter().map(|checked| form(checked, spots)).collect(),
        spot: spots.at(checked.place),
    }
}

/// The forms of all pages. Several pages may share one, and have it from the same file.
fn page_forms(pages: &[CheckedPage], spots: &QuotedLines<'_, '_>) -> Vec<FormModel> {
    let forms = pages.iter().flat_map(|page| &page.forms);
    let by_action: BTreeMap<_, _> = forms.map(|form| (form.action.as_str(), form)).collect();
    by_action
        .into_values()
        .map(|checked| form(checked, spots))
        .collect()
}

fn form(checked: &CheckedForm, spots: &QuotedLines<'_, '_>) -> FormModel {
    let fields = checked.fields.iter().map(|(name, kind, place)| FieldModel {
        name: name.clone(),
        kind: *kind,
        spot: spots.at(*place),
    });
    FormModel {
        action: checked.action.clone(),
        fields: fields.collect(),
        open: checked.is_open,
        spot: spots.at(checked.place),
    }
}

fn attribute(name: String, ty: &Type) -> AttributeModel {
    AttributeModel {
        name,
        ty: ty.clone(),
        rust: None,
    }
}

/// The service of a tag as far as it is known; empty for this one.
fn service(fragment: &CheckedFragment) -> &str {
    if fragment.any_service {
        ""
    } else {
        &fragment.service
    }
}

/// A fragment, for people.
fn title(fragment: &CheckedFragment) -> String {
    let CheckedFragment {
        reference, service, ..
    } = fragment;
    match service.as_str() {
        "" => format!("`{reference}` of this service"),
        service => format!("`{reference}` of `{service}`"),
    }
}
