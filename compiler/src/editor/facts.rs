//! Collects, for each attribute of a page, its type, the handlers and fragments that provide it, and the places that use it, because
//! completion, hover and references show them.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use hydra_contract::Type;

use crate::{
    model::{ImportOrigin, Page, Unit, UnitKind, UseKind, spelled},
    source::Location,
};

use super::{
    site_view::{SiteView, name_of},
    subject::{FragmentName, named},
};

/// An attribute of one page, or of one offered fragment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Attribute {
    /// The page's template, or the fragment's name.
    pub(super) unit: String,
    /// Its type, as far as it is known.
    pub(super) ty: Type,
    /// What gives it.
    pub(super) giver: Giver,
    /// Where that is stated.
    pub(super) place: Location,
}

/// What gives an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Giver {
    /// A field of a Rust type: both names.
    Field(String, String),
    /// The handler, as the template states.
    Handler,
    /// The page that embeds the offered fragment.
    Import,
    /// Another fragment, under its own name for it.
    Export(FragmentName, String),
    /// A `set` of the template.
    Set,
}

/// All attributes of the units around a place, by their names in Tera. Of several that give one, all are listed.
pub(super) fn attributes(view: &SiteView<'_>, file: usize, at: u32) -> BTreeMap<String, Vec<Attribute>> {
    let mut found = BTreeMap::new();
    view.with_pages(&view.units_at(file, at), |unit, page| {
        add_page(view, unit, page, &mut found);
    });
    found
}

fn add_page(
    view: &SiteView<'_>,
    unit: Unit<'_>,
    page: &Page<'_>,
    found: &mut BTreeMap<String, Vec<Attribute>>,
) {
    let (title, imports) = match unit.kind {
        UnitKind::Offer(offer) => (name_of(offer).unwrap_or_default(), &*offer.tag.imports),
        _ => (view.site.files[unit.file].source.name.clone(), &[][..]),
    };
    let mut add = |name: &str, ty: Type, giver: Giver, place: Location| {
        let attribute = Attribute {
            unit: title.clone(),
            ty,
            giver,
            place,
        };
        let all = found.entry(name.to_owned()).or_default();
        // Those of one unit stand side by side.
        let mut own = all.iter().rev().take_while(|other| other.unit == attribute.unit);
        if !own.any(|other| *other == attribute) {
            all.push(attribute);
        }
    };
    for (name, attribute) in &page.attributes.names {
        let giver = match &attribute.field {
            Some((owner, field)) => Giver::Field(owner.clone(), field.clone()),
            None if imports
                .iter()
                .any(|import| spelled(&import.name) == name.as_str()) =>
            {
                Giver::Import
            }
            None => Giver::Handler,
        };
        add(name, attribute.ty.clone(), giver, attribute.place);
    }
    for tag in &page.tags {
        let Some(fragment) = named(view, tag.node) else {
            continue;
        };
        for item in tag.exports() {
            let ty = view.export_type(&fragment.service, &fragment.reference, item.name());
            let giver = Giver::Export(fragment.clone(), item.name().to_owned());
            add(
                &spelled(item.target()),
                ty,
                giver,
                item.target_span.at(tag.source),
            );
        }
    }
    for (name, place) in &page.sets {
        add(name, Type::Any, Giver::Set, *place);
    }
}

/// A use of an attribute of a page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use {
    pub(super) place: Location,
    /// The fragment that it is passed to, where it is an import.
    pub(super) import_of: Option<FragmentName>,
}

/// Where the units around a place use an attribute, in the order of files.
pub(super) fn uses(view: &SiteView<'_>, name: &str, file: usize, at: u32) -> Vec<Use> {
    let mut found = Vec::new();
    view.with_pages(&view.units_at(file, at), |_, page| {
        let counts = |kind| !matches!(kind, UseKind::Import | UseKind::Everything);
        let uses = page
            .uses
            .iter()
            .filter(|used| used.name == name && counts(used.kind));
        found.extend(uses.map(|used| Use {
            place: used.location,
            import_of: None,
        }));
        for tag in &page.tags {
            let items = tag.node.fragment.imports.iter().zip(&tag.imports);
            let from_page = items.filter(|(item, origin)| {
                spelled(item.root()) == name && !matches!(origin, ImportOrigin::Template)
            });
            found.extend(from_page.map(|(item, _)| Use {
                place: item.name_span.at(tag.source),
                import_of: named(view, tag.node),
            }));
        }
    });
    found.sort();
    found.dedup();
    found
}
