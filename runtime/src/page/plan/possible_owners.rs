//! Finds the services that may begin a session through a site of a page: those whose fragments may come there.
//!
//! What is not known before Tera has run is decided carefully: lifted texts are searched as plain text, which finds too
//! much at worst, and a service that an expression computes may be any.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use hydra_contract::{InsertionKind, Plan, Text};

use crate::{
    limits::MAX_OWNER_SEARCH_STEPS,
    page::plan::{
        fragment_name::{self, Owner},
        head_blockers::{Reach, lifted},
    },
};

/// The services that some fragments of a page may belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PossibleOwners {
    /// The services that the templates name. `None` is this service.
    pub(crate) named: BTreeSet<Owner>,
    /// Whether any other service may be an owner too.
    pub(crate) any: bool,
}

impl PossibleOwners {
    /// Adds the owners in `more`.
    pub(crate) fn add(&mut self, more: &Self) {
        self.named.extend(more.named.iter().cloned());
        self.any |= more.any;
    }

    /// Whether `may` holds for one of them. It gets `None` for this service.
    pub(crate) fn some_may(&self, may: impl Fn(Option<&str>) -> bool) -> bool {
        self.any || self.named.iter().any(|owner| may(owner.as_deref()))
    }

    fn is_empty(&self) -> bool {
        !self.any && self.named.is_empty()
    }
}

/// For each site of `plan`: the possible owners of the fragments that come from it. Those in its fallback, in its
/// region and in this service's own fragments count. `None`: no fragment comes from it.
pub(crate) fn sites(plan: &Plan, service: &str) -> Vec<Option<Box<PossibleOwners>>> {
    let reach = Reach::new(plan);
    let mut left = MAX_OWNER_SEARCH_STEPS;
    let search = |site| Search {
        plan,
        reach: &reach,
        service,
        sites: BTreeSet::from([site]),
        templates: BTreeSet::new(),
    };
    (0..plan.sites.len())
        .map(|site| {
            let owners = search(site).owners(&mut left);
            (!owners.is_empty()).then(|| Box::new(owners))
        })
        .collect()
}

/// The search from one site.
struct Search<'p> {
    plan: &'p Plan,
    reach: &'p Reach<'p>,
    service: &'p str,
    /// The sites that the search has found.
    sites: BTreeSet<usize>,
    templates: BTreeSet<&'p str>,
}

impl<'p> Search<'p> {
    fn owners(mut self, left: &mut usize) -> PossibleOwners {
        let mut owners = PossibleOwners::default();
        let mut open: Vec<usize> = self.sites.iter().copied().collect();
        while let Some(site) = open.pop() {
            if let Some(text) = lifted(self.plan, site) {
                self.follow(&text.template, &mut open, left);
            }
            let Some(InsertionKind::Slot(slot)) = self.plan.sites.get(site).map(|site| &site.kind) else {
                continue;
            };
            let Text::Fixed(name) = &slot.service else {
                owners.any = true;
                continue;
            };
            let owner = fragment_name::owner(name, self.service);
            if owner.is_none() {
                for (reference, template) in &self.plan.offers {
                    if slot.reference == Text::Computed || slot.reference == Text::Fixed(reference.clone()) {
                        self.follow(template, &mut open, left);
                    }
                }
            }
            owners.named.insert(owner);
        }
        owners.any |= *left == 0;
        owners
    }

    /// Finds the sites of a template, and of the templates that it names.
    fn follow(&mut self, template: &'p str, open: &mut Vec<usize>, left: &mut usize) {
        let mut names = vec![template];
        while let Some(name) = names.pop() {
            if *left == 0 || !self.templates.insert(name) {
                continue;
            }
            let Some((calls, named)) = self.reach.of(name) else {
                continue;
            };
            *left = left.saturating_sub(1 + calls.len() + named.len());
            open.extend(calls.iter().copied().filter(|site| self.sites.insert(*site)));
            names.extend(named.iter().filter_map(|index| self.reach.name(*index)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_place_is_of_all_whose_fragments_may_come_there() {
        let slot = |service: serde_json::Value, reference: &str, fallback: Option<&str>| {
            let fallback = fallback.map(|template| json!({"template": template, "captures": []}));
            json!({"place": {"file": "a", "line": 1, "column": 1}, "gives": [],
                   "slot": {"service": service, "ref": {"fixed": reference}, "fallback": fallback}})
        };
        let hole = |template: &str| {
            json!({"place": {"file": "a", "line": 1, "column": 1}, "gives": [],
                   "hole": {"body": {"template": template, "captures": []}, "waits": []}})
        };
        let fixed = |service: &str| json!({"fixed": service});
        let plan: Plan = serde_json::from_value(json!({
            "format": hydra_contract::PLAN_FORMAT,
            "sites": [
                slot(fixed("orders"), "a", None),
                slot(fixed("mail"), "b", Some("falls-back")),
                hole("holds"),
                slot(fixed(""), "own", None),
                slot(json!("computed"), "x", None),
                hole("empty"),
                slot(fixed("shop"), "round", None),
            ],
            "templates": [
                {"name": "falls-back", "source": "{{ 0 | __hydra }}"},
                {"name": "holds", "source": "{% include \"part\" %}"},
                {"name": "part", "source": "{{- 1 | __hydra }}"},
                {"name": "own", "source": "{{ 0 | __hydra }}"},
                {"name": "round", "source": "{{ 6 | __hydra }}{{ 2 | __hydra }}"},
                {"name": "empty", "source": "{{ x }}"},
            ],
            "pages": [], "contract": {"service": ""},
            "offers": {"own": "own", "round": "round"},
        }))
        .expect("a plan");
        let found: Vec<_> = sites(&plan, "shop")
            .into_iter()
            .map(|owners| {
                owners.map(|owners| {
                    let names = owners.named.iter().map(|owner| owner.as_deref().unwrap_or("own"));
                    (names.collect::<Vec<_>>().join(" "), owners.any)
                })
            })
            .collect();
        let of = |names: &str| Some((names.to_owned(), false));
        assert_eq!(
            found,
            [
                of("orders"),
                of("mail orders"),
                of("mail orders"),
                of("own orders"),
                Some((String::new(), true)),
                None,
                of("own mail orders"),
            ]
        );
    }
}
