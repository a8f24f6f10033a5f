//! What the pages and fragments of a site ask other services for, as its contract says it.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use hydra_contract::Ask;

use crate::model::{CheckedFragment, CheckedOffer, CheckedPage, Flow};

/// Each ask once, with the templates that have it. What a tag computes is not known here.
pub(super) fn of(pages: &[CheckedPage], offers: &[CheckedOffer]) -> Vec<Ask> {
    let of_pages = pages.iter().map(|page| (&page.template, &page.fragments));
    let of_offers = offers.iter().map(|offer| (&offer.template, &offer.fragments));
    let mut templates: BTreeMap<Ask, BTreeSet<&String>> = BTreeMap::new();
    for (template, fragments) in of_pages.chain(of_offers) {
        for ask in fragments.iter().filter_map(ask) {
            templates.entry(ask).or_default().insert(template);
        }
    }
    templates
        .into_iter()
        .map(|(ask, pages)| Ask {
            pages: pages.into_iter().cloned().collect(),
            ..ask
        })
        .collect()
}

fn ask(fragment: &CheckedFragment) -> Option<Ask> {
    if fragment.own || fragment.any_service || fragment.any_reference {
        return None;
    }
    Some(Ask {
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
