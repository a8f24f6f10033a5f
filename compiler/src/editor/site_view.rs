//! A site as it stands, for questions about it.
#![deny(clippy::disallowed_methods)]

use hydra_contract::{Contract, FragmentContract, ImportContract, Type};

use crate::{
    fragment::{Declared, OfferTag},
    input::Input,
    model::{Components, Page, PageAttributes, Unit, UnitKind, units, walk},
    page_type::CrateTypes,
    read,
    site::{Site, fragments},
    source::{Location, Source, SourceId, Span},
    tree::{FragmentNode, Offer, within},
};

/// A site, with what is known beside its templates.
pub(super) struct SiteView<'s> {
    pub(super) site: Site<'s>,
    pub(super) input: &'s Input,
    pub(super) types: &'s CrateTypes,
}

/// What is known of a fragment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KnownFragment {
    pub(super) contract: FragmentContract,
    /// Where it is offered or promised.
    pub(super) place: Option<Location>,
}

impl<'s> SiteView<'s> {
    /// The name of this service, if it is stated.
    pub(super) fn own_name(&self) -> Option<&'s str> {
        self.input.options.service.as_deref()
    }

    /// A service as it is compared: empty for this one.
    pub(super) fn service<'n>(&self, name: &'n str) -> &'n str {
        match self.own_name() == Some(name) || name == "self" {
            true => "",
            false => name,
        }
    }

    /// The services that a tag may name: those of the contracts.
    pub(super) fn services(&self) -> impl Iterator<Item = &'s str> {
        self.input.contracts.keys().map(String::as_str)
    }

    /// The names of the fragments of a service, in order.
    pub(super) fn references(&self, service: &str) -> Vec<String> {
        let contract: Option<&Contract> = self.input.contracts.get(service).map(|known| &known.contract);
        let mut names: Vec<String> = match contract {
            _ if service.is_empty() => self.offers().filter_map(|(_, offer)| name_of(offer)).collect(),
            Some(contract) => contract.fragments.keys().cloned().collect(),
            None => Vec::new(),
        };
        names.sort();
        names.dedup();
        names
    }

    /// What is known of a fragment.
    pub(super) fn fragment(&self, service: &str, reference: &str) -> Option<KnownFragment> {
        if service.is_empty() {
            let (file, offer) = self.offer(reference)?;
            return Some(KnownFragment {
                contract: contract(&offer.tag),
                place: Some(offer.tag.reference.as_ref()?.span.at(self.site.files[file].id)),
            });
        }
        let known = self.input.contracts.get(service)?;
        Some(KnownFragment {
            contract: known.contract.fragments.get(reference)?.clone(),
            place: self.contract_place(service, &["fragments", reference]),
        })
    }

    /// The elements that offer fragments, with their files.
    pub(super) fn offers(&self) -> impl Iterator<Item = (usize, &Offer)> {
        let files = self.site.files.iter().enumerate();
        files.flat_map(|(index, file)| file.tree.offers.iter().map(move |offer| (index, offer)))
    }

    /// The first element that offers a fragment of this name.
    pub(super) fn offer(&self, reference: &str) -> Option<(usize, &Offer)> {
        self.offers().find(|(_, offer)| {
            let name = offer.tag.reference.as_ref();
            name.is_some_and(|name| name.value == reference)
        })
    }

    /// The fragment tags of the site, with their files.
    pub(super) fn tags(&self) -> impl Iterator<Item = (usize, &FragmentNode)> {
        let files = self.site.files.iter().enumerate();
        files.flat_map(|(index, file)| {
            fragments(&file.tree.nodes)
                .into_iter()
                .map(move |tag| (index, tag))
        })
    }

    /// Where the contract of a service has a member. `None`: it lacks the member, or no contract is known.
    pub(super) fn contract_place(&self, service: &str, path: &[&str]) -> Option<Location> {
        let id = self.input.contracts.get(service)?.source;
        let source = self.input.sources.get(id.0 as usize)?;
        let span = match path {
            [] => Some(Span::default()),
            path => read::contract_member(source, path),
        };
        Some(span?.at(id))
    }

    /// The text of a source.
    pub(super) fn source(&self, id: SourceId) -> Option<&'s Source> {
        // Of a template, the site may have another text than the input.
        let template = self.site.files.get(id.0 as usize).map(|file| file.source);
        template.or_else(|| self.input.sources.get(id.0 as usize))
    }

    /// The units in which a place is rendered: the innermost offered fragment around it, or else all pages that the file is a part of.
    pub(super) fn units_at(&self, file: usize, offset: u32) -> Vec<Unit<'_>> {
        let of_site = units(&self.site, &self.types.pages);
        let offers = of_site.iter().filter(|unit| match unit.kind {
            UnitKind::Offer(offer) => {
                unit.file == file && offer.span.start <= offset && offset <= offer.span.end
            }
            _ => false,
        });
        let innermost = offers.min_by_key(|unit| match unit.kind {
            UnitKind::Offer(offer) => offer.span.len(),
            _ => usize::MAX,
        });
        if let Some(innermost) = innermost {
            return vec![*innermost];
        }
        let pages = of_site
            .into_iter()
            .filter(|unit| matches!(unit.kind, UnitKind::Page));
        pages
            .filter(|unit| self.site.closure(unit.file).contains(&file))
            .collect()
    }

    /// Walks through units, and shows each to `see`.
    pub(super) fn with_pages(&self, units: &[Unit<'_>], mut see: impl FnMut(Unit<'_>, &Page<'_>)) {
        let components = Components::of(&self.site);
        for unit in units {
            let offered = match unit.kind {
                UnitKind::Offer(offer) => within(&self.site.files[unit.file].tree.nodes, offer.span),
                _ => None,
            };
            let offered = offered.unwrap_or_default();
            let attributes = PageAttributes::of(&self.site, unit, &self.types.pages);
            see(*unit, &walk(&self.site, &components, *unit, &offered, attributes));
        }
    }

    /// The type of what a fragment exports: `any` where that is not known.
    pub(super) fn export_type(&self, service: &str, reference: &str, name: &str) -> Type {
        let fragment = self.fragment(service, reference);
        let exports = fragment.map(|fragment| fragment.contract.exports);
        exports
            .and_then(|exports| exports.get(name).cloned())
            .unwrap_or_default()
    }
}

/// The name of an offered fragment.
pub(super) fn name_of(offer: &Offer) -> Option<String> {
    offer
        .tag
        .reference
        .as_ref()
        .map(|reference| reference.value.to_string())
}

/// What an element says that its fragment takes and gives.
fn contract(tag: &OfferTag) -> FragmentContract {
    let import = |declared: &Declared| {
        let import = ImportContract {
            ty: declared.ty.clone(),
            default: declared.default.clone(),
        };
        (declared.name.clone(), import)
    };
    let export = |declared: &Declared| (declared.name.clone(), declared.ty.clone());
    FragmentContract {
        imports: tag.imports.iter().map(import).collect(),
        exports: tag.exports.iter().map(export).collect(),
        ..FragmentContract::default()
    }
}
