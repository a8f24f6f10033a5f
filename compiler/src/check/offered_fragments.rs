//! The fragments that this service offers, and the contracts of those of other services.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use hydra_contract::{ActionContract, Contract, FragmentContract, ImportContract};

use crate::{
    fragment::{Declared, OfferTag},
    model::FragmentTag,
    site::Site,
    source::Location,
    tree::{Form, Offer},
};

use super::SiteContext;

/// The fragments of this service.
#[derive(Debug, Default)]
pub(super) struct OfferedFragments<'n> {
    /// The contract that they make.
    pub(super) contract: Contract,
    /// What is offered, by name, and that of one name in the order of files. There may be very many.
    places: Vec<(&'n str, u32, &'n Offer)>,
    /// Whether files that can't be read may offer more.
    pub(super) incomplete: bool,
    /// The files that can't be read, or that lost a part of a tag: what they say of their fragments is not all.
    pub(super) unread: BTreeSet<usize>,
}

/// The contract of the fragment that a tag names, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) enum ContractLookup<'p> {
    /// The contract is not known: an expression gives the service or the name, or no contract was given.
    Unknown,
    /// The service has no contract, though contracts were given.
    NoService,
    /// The service's contract has no such fragment.
    NoFragment(&'p Contract),
    /// The fragment's contract, and where this site states it.
    Fragment(&'p FragmentContract, Option<Location>),
}

impl<'n> OfferedFragments<'n> {
    /// What the files of a site offer.
    pub(super) fn of(site: &'n Site<'_>, service: Option<&str>) -> Self {
        let mut offered = OfferedFragments::default();
        offered.contract.service = service.unwrap_or_default().to_owned();
        let count = site.files.iter().map(|file| file.tree.offers.len()).sum();
        offered.places.reserve_exact(count);
        for (file, template) in site.files.iter().enumerate() {
            for offer in &template.tree.offers {
                let Some(reference) = &offer.tag.reference else {
                    continue;
                };
                offered.places.push((&reference.value, file as u32, offer));
                let contract = || contract(&offer.tag, actions(template.tree.forms_of(offer.span)));
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

    /// Looks up the contract of the fragment that a tag names.
    pub(super) fn look_up_contract<'p>(
        &'p self,
        site: &Site<'_>,
        context: &SiteContext<'p>,
        tag: &FragmentTag<'_>,
    ) -> ContractLookup<'p> {
        let fragment = &tag.node.fragment;
        let Some(service) = fragment.fixed_service() else {
            return ContractLookup::Unknown;
        };
        let own = service.is_empty() || context.options.service.as_deref() == Some(service);
        let contract = match context.contracts.get(service) {
            _ if own => &self.contract,
            Some(known) => &known.contract,
            None if context.contracts_given => return ContractLookup::NoService,
            None => return ContractLookup::Unknown,
        };
        let Some(reference) = fragment.fixed_reference() else {
            return ContractLookup::Unknown;
        };
        match contract.fragments.get(reference) {
            Some(_) if own && self.is_unread(reference) => ContractLookup::Unknown,
            Some(promised) => ContractLookup::Fragment(promised, self.place(site, own, reference)),
            None if own && self.incomplete => ContractLookup::Unknown,
            None => ContractLookup::NoFragment(contract),
        }
    }

    fn is_unread(&self, reference: &str) -> bool {
        let file = || self.first(reference).map(|(file, _)| file as usize);
        !self.unread.is_empty() && file().is_some_and(|file| self.unread.contains(&file))
    }

    fn place(&self, site: &Site<'_>, own: bool, reference: &str) -> Option<Location> {
        let (file, offer) = self.first(reference).filter(|_| own)?;
        Some(offer.open.at(site.files.get(file as usize)?.id))
    }
}

/// What the forms in an offered element send. Of two with one name, the first counts.
fn actions<'f>(forms: impl Iterator<Item = &'f Form>) -> BTreeMap<String, ActionContract> {
    let mut actions = BTreeMap::new();
    for form in forms {
        let action = actions.entry(form.action.value.to_string());
        action.or_insert_with(|| form.contract());
    }
    actions
}

fn contract(tag: &OfferTag, actions: BTreeMap<String, ActionContract>) -> FragmentContract {
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
        styles: tag.styles.to_vec(),
        scripts: tag.scripts.to_vec(),
        actions,
    }
}
