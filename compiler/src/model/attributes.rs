//! The attributes that a page or a fragment gets from its handler.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use hydra_contract::Type;

use crate::{
    fragment::Declared,
    page_type::PageType,
    shape::Shape,
    site::Site,
    source::{Location, SourceId},
};

use super::{Unit, UnitKind, spelled};

/// The attributes that a page or a fragment gets from its handler.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageAttributes {
    /// By their names in Tera.
    pub names: BTreeMap<String, PageAttribute>,
    /// Whether the list is complete. Otherwise the handler may provide any name.
    pub closed: bool,
    /// Whether the page states its attributes, or has a Rust type.
    pub stated: bool,
    /// Names that are never reported as unknown: the exports of an offered fragment, and the attributes that offered fragments in a
    /// page state.
    pub tolerated: BTreeSet<String>,
}

/// An attribute.
#[derive(Clone, Debug)]
pub(crate) struct PageAttribute {
    /// The name as it is written.
    pub written: String,
    /// Its type.
    pub ty: Type,
    /// Where it is stated.
    pub place: Location,
    /// Whether the handler may leave it out.
    pub maybe: bool,
    /// The type and the field in Rust.
    pub field: Option<(String, String)>,
    /// The shape of its value, as far as the templates and types tell it.
    pub shape: Shape,
}

impl PageAttributes {
    /// The known attributes of a unit. A page states them itself, with `m:attributes` in its own file, or has a
    /// Rust type; parents and includes add what they state, and do not close the list.
    #[must_use]
    pub(crate) fn of(site: &Site<'_>, unit: &Unit<'_>, page_types: &[PageType]) -> Self {
        let mut attributes = PageAttributes::default();
        match &unit.kind {
            UnitKind::Components => attributes.closed = true,
            UnitKind::Offer(offer) => {
                let source = site.files[unit.file].id;
                attributes.declare(source, &offer.tag.imports);
                // What it gives to pages its template may use as well.
                let exports = offer
                    .tag
                    .exports
                    .iter()
                    .map(|declared| spelled(&declared.name).into_owned());
                attributes.tolerated.extend(exports);
                if let Some(own) = &offer.tag.attributes {
                    attributes.declare(source, own);
                    attributes.closed = true;
                    attributes.stated = true;
                }
            }
            UnitKind::Page => attributes.page(site, unit.file, page_types),
        }
        attributes
    }

    fn page(&mut self, site: &Site<'_>, file: usize, page_types: &[PageType]) {
        for (index, used) in site.closure(file).into_iter().enumerate() {
            let file = &site.files[used];
            if let Some(stated) = file
                .tree
                .attributes
                .as_ref()
                .and_then(|tag| tag.attributes.as_ref())
            {
                self.declare(file.id, stated);
                self.stated |= index == 0;
            }
            for offer in &file.tree.offers {
                let own = offer.tag.attributes.iter().flatten();
                let declared = offer.tag.imports.iter().chain(&offer.tag.exports).chain(own);
                self.tolerated
                    .extend(declared.map(|declared| spelled(&declared.name).into_owned()));
            }
        }
        let mut open = false;
        for page in page_types
            .iter()
            .filter(|page| page.template == site.files[file].source.name)
        {
            self.stated = true;
            open |= page.open;
            for field in &page.fields {
                let attribute = PageAttribute {
                    written: field.name.clone(),
                    ty: field.ty.clone(),
                    place: field.place,
                    maybe: field.maybe,
                    field: Some((page.name.clone(), field.rust.clone())),
                    shape: field.shape.or(&field.ty),
                };
                let name = spelled(&field.name).into_owned();
                let before = self.names.insert(name.clone(), attribute);
                // Another type of the same page may have another struct under the name.
                let differs = before.is_some_and(|before| {
                    before.field.is_some() && before.shape != field.shape.or(&field.ty)
                });
                if let Some(attribute) = self.names.get_mut(&name).filter(|_| differs) {
                    attribute.shape = Shape::default();
                }
            }
        }
        self.closed = self.stated && !open;
    }

    fn declare(&mut self, source: SourceId, declared: &[Declared]) {
        for declared in declared {
            let attribute = PageAttribute {
                written: declared.name.clone(),
                ty: declared.ty.clone(),
                place: declared.span.at(source),
                maybe: false,
                field: None,
                shape: declared.shape.or(&declared.ty),
            };
            self.names
                .entry(spelled(&declared.name).into_owned())
                .or_insert(attribute);
        }
    }

    /// Whether the handler provides a name, or may provide it.
    #[must_use]
    pub(crate) fn may_have(&self, name: &str) -> bool {
        !self.closed || self.names.contains_key(name) || self.tolerated.contains(name)
    }
}
