//! The fragments of other services that the pages and fragments of a site use, for its contract.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use hydra_contract::FragmentUse;

use crate::model::{CheckedFragment, CheckedOffer, CheckedPage, Flow};

/// Each use once, with its templates. Tags that compute the service or the `ref` are left out, since both are known only at run time.
pub(super) fn of(pages: &[CheckedPage], offers: &[CheckedOffer]) -> Vec<FragmentUse> {
    let of_pages = pages.iter().map(|page| (&page.template, &page.fragments));
    let of_offers = offers.iter().map(|offer| (&offer.template, &offer.fragments));
    let mut templates: BTreeMap<FragmentUse, BTreeSet<&String>> = BTreeMap::new();
    for (template, fragments) in of_pages.chain(of_offers) {
        for ask in fragments.iter().filter_map(ask) {
            templates.entry(ask).or_default().insert(template);
        }
    }
    templates
        .into_iter()
        .map(|(ask, pages)| FragmentUse {
            pages: pages.into_iter().cloned().collect(),
            ..ask
        })
        .collect()
}

fn ask(fragment: &CheckedFragment) -> Option<FragmentUse> {
    if fragment.own || fragment.any_service || fragment.any_reference {
        return None;
    }
    Some(FragmentUse {
        service: fragment.service.clone(),
        reference: fragment.reference.clone(),
        imports: under(&fragment.imports, |flow| &flow.to),
        exports: under(&fragment.exports, |flow| &flow.from),
        required: fragment.required,
        pages: Vec::new(),
    })
}

fn under(flows: &[Flow], name: impl Fn(&Flow) -> &String) -> BTreeMap<String, hydra_contract::Type> {
    flows
        .iter()
        .map(|flow| {
            (
                name(flow).clone(),
                flow.stated.clone().unwrap_or_else(|| flow.ty.clone()),
            )
        })
        .collect()
}
