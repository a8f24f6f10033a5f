//! What this service offers, and what others promise.
#![deny(clippy::disallowed_methods)]

use hydra_contract::{Contract, FragmentContract, ImportContract};

use crate::{
    fragment::{Declared, OfferTag},
    model::Tag,
    site::Site,
    source::Location,
    tree::Offer,
};

use super::Known;

/// The fragments of this service.
#[derive(Debug, Default)]
pub(super) struct Offered<'n> {
    /// The contract that they make.
    pub(super) contract: Contract,
    /// What is offered, by name, and that of one name in the order of files. There may be very many.
    places: Vec<(&'n str, u32, &'n Offer)>,
    /// Whether there may be more, in files that can't be read.
    pub(super) incomplete: bool,
}

/// What is promised to a tag.
#[derive(Clone, Copy, Debug)]
pub(super) enum Promise<'p> {
    /// Nothing is known: the service or the name is an expression, or nobody gave the contract.
    Open,
    /// No such service.
    NoService,
    /// No such fragment in this contract.
    NoFragment(&'p Contract),
    /// The fragment's contract, and where this site states it.
    Fragment(&'p FragmentContract, Option<Location>),
}

impl<'n> Offered<'n> {
    /// What the files of a site offer.
    pub(super) fn of(site: &'n Site<'_>, service: Option<&str>) -> Self {
        let mut offered = Offered::default();
        offered.contract.service = service.unwrap_or_default().to_owned();
        let count = site.files.iter().map(|file| file.tree.offers.len()).sum();
        offered.places.reserve_exact(count);
        for (file, template) in site.files.iter().enumerate() {
            for offer in &template.tree.offers {
                let Some(reference) = &offer.tag.reference else {
                    continue;
                };
                offered.places.push((&reference.value, file as u32, offer));
                let contract = || contract(&offer.tag);
                offered
                    .contract
                    .fragments
                    .entry(reference.value.to_string())
                    .or_insert_with(contract);
            }
        }
        offered
            .places
            .sort_unstable_by_key(|(reference, file, offer)| (*reference, *file, offer.span));
        offered
    }

    /// The files and elements that offer each `ref`, by their names.
    pub(super) fn by_reference(&self) -> impl Iterator<Item = &[(&'n str, u32, &'n Offer)]> {
        self.places.chunk_by(|(one, ..), (other, ..)| one == other)
    }

    /// The first that offers a `ref`.
    pub(super) fn first(&self, reference: &str) -> Option<(u32, &'n Offer)> {
        let at = self.places.partition_point(|(name, ..)| *name < reference);
        let (name, file, offer) = *self.places.get(at)?;
        (name == reference).then_some((file, offer))
    }

    /// What is promised to a tag.
    pub(super) fn promise<'p>(&'p self, site: &Site<'_>, known: &Known<'p>, tag: &Tag<'_>) -> Promise<'p> {
        let fragment = &tag.node.fragment;
        let Some(service) = fragment.fixed_service() else {
            return Promise::Open;
        };
        let own = service.is_empty() || known.options.service.as_deref() == Some(service);
        let contract = match known.contracts.get(service) {
            _ if own => &self.contract,
            Some(known) => &known.contract,
            None if known.contracts_given => return Promise::NoService,
            None => return Promise::Open,
        };
        let Some(reference) = fragment.fixed_reference() else {
            return Promise::Open;
        };
        match contract.fragments.get(reference) {
            Some(promised) => Promise::Fragment(promised, self.place(site, own, reference)),
            None if own && self.incomplete => Promise::Open,
            None => Promise::NoFragment(contract),
        }
    }

    fn place(&self, site: &Site<'_>, own: bool, reference: &str) -> Option<Location> {
        let (file, offer) = self.first(reference).filter(|_| own)?;
        Some(offer.open.at(site.files.get(file as usize)?.id))
    }
}

fn contract(tag: &OfferTag) -> FragmentContract {
    let imports = tag.imports.iter().map(|declared| {
        let import = ImportContract {
            ty: declared.ty.clone(),
            default: declared.default.clone(),
        };
        (declared.name.clone(), import)
    });
    let exports = tag
        .exports
        .iter()
        .map(|declared| (declared.name.clone(), declared.ty.clone()));
    let provides = tag
        .attributes
        .iter()
        .flatten()
        .map(|declared: &Declared| declared.name.clone());
    FragmentContract {
        imports: imports.collect(),
        exports: exports.collect(),
        provides: provides.collect(),
        styles: tag.styles.clone(),
        scripts: tag.scripts.clone(),
    }
}
