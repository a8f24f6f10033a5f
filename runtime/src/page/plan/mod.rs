//! The plan as the engine uses it: names are numbers and owners are decided, so that a request compares numbers only.
#![deny(clippy::disallowed_methods)]

pub(crate) mod cache_policy;
pub(crate) mod fragment_name;
mod head_blockers;
pub(crate) mod origins;
pub(crate) mod possible_owners;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use foldhash::fast::RandomState;
use hydra_contract::{Contract, FragmentUse, Import, Lifted, Mode, Plan, TemplatePosition, Text, Type};

use self::{
    cache_policy::CachePolicy,
    fragment_name::{Owner, owner},
    origins::Origins,
    possible_owners::PossibleOwners,
};

/// The name of the filter in lowered templates.
pub(crate) const FILTER: &str = "__hydra";

/// A page attribute that a fragment may export: an index into [`PreparedPlan::names`].
pub(crate) type NameId = usize;

/// A plan, ready for requests.
#[derive(Debug, Default)]
pub(crate) struct PreparedPlan {
    /// This service's name.
    pub(crate) service: Arc<str>,
    /// The slots and holes. The number in a call of the filter is an index into these.
    pub(crate) sites: Vec<PreparedSite>,
    /// The attributes that fragments may export.
    pub(crate) names: Vec<Arc<str>>,
    /// The attributes that fragments may export to each page.
    pub(crate) pages: HashMap<String, Vec<NameId>, RandomState>,
    /// The template of each offered fragment.
    pub(crate) offers: BTreeMap<String, String>,
    /// The places of the lowered templates in the original files.
    pub(crate) origins: Origins,
    /// Whether a fragment may come after any of the pages.
    pub(crate) comes_after_page: bool,
}

/// A slot or a hole.
#[derive(Debug)]
pub(crate) struct PreparedSite {
    pub(crate) place: TemplatePosition,
    pub(crate) gives: Box<[NameId]>,
    /// Whether the status of the response may depend on this site: it is, or may hold, a required slot.
    pub(crate) holds_head: bool,
    /// Whether a fragment may come after the page: the site is, or may hold, a deferred or lazy slot.
    pub(crate) comes_after_page: bool,
    /// The services whose fragments may come here. `None`: no fragment comes here.
    pub(crate) owners: Option<Box<PossibleOwners>>,
    pub(crate) kind: PreparedKind,
}

#[derive(Debug)]
pub(crate) enum PreparedKind {
    Slot(PreparedSlot),
    Hole { body: Lifted, waits: Box<[NameId]> },
}

/// A fragment tag.
#[derive(Debug)]
pub(crate) struct PreparedSlot {
    /// `None`: an argument of the call.
    pub(crate) service: Option<Owner>,
    /// `None`: an argument of the call.
    pub(crate) reference: Option<Arc<str>>,
    pub(crate) imports: Vec<Import>,
    pub(crate) exports: Vec<PreparedExport>,
    pub(crate) fallback: Option<Lifted>,
    pub(crate) timeout: Option<Duration>,
    /// How long an answer may be used again. `None`: not at all.
    pub(crate) policy: Option<CachePolicy>,
    pub(crate) required: bool,
    pub(crate) mode: Mode,
}

#[derive(Debug)]
pub(crate) struct PreparedExport {
    pub(crate) from: Arc<str>,
    pub(crate) to: NameId,
    /// The type in the contract of the fragment; `any` where that is not known.
    pub(crate) ty: Type,
}

impl PreparedSite {
    /// The names of the values that the lifted text captures.
    pub(crate) fn captures(&self) -> &[String] {
        self.lifted()
            .map(|text| text.captures.as_slice())
            .unwrap_or_default()
    }

    /// The imports of a slot.
    pub(crate) fn imports(&self) -> &[Import] {
        match &self.kind {
            PreparedKind::Slot(slot) => &slot.imports,
            PreparedKind::Hole { .. } => &[],
        }
    }

    /// The lifted text of the site, which may have to be rendered.
    pub(crate) fn lifted(&self) -> Option<&Lifted> {
        match &self.kind {
            PreparedKind::Slot(slot) => slot.fallback.as_ref(),
            PreparedKind::Hole { body, .. } => Some(body),
        }
    }
}

impl PreparedPlan {
    /// Prepares `plan` for the service `service`.
    pub(crate) fn new(plan: &Plan, service: &str) -> Self {
        let mut names = Names::default();
        let holds_head = head_blockers::sites(plan);
        let comes_after_page = head_blockers::after_page(plan);
        let owners = possible_owners::sites(plan, service);
        let owner = Arc::from(service);
        let mut sites = Vec::with_capacity(plan.sites.len());
        let together = holds_head.into_iter().zip(comes_after_page).zip(owners);
        for (site, ((holds_head, comes_after_page), owners)) in plan.sites.iter().zip(together) {
            let gives = names.all(&site.gives);
            let kind = match &site.kind {
                hydra_contract::InsertionKind::Slot(slot) => {
                    PreparedKind::Slot(prepare_slot(slot, &owner, &mut names, &plan.contract))
                }
                hydra_contract::InsertionKind::Hole(hole) => PreparedKind::Hole {
                    body: hole.body.clone(),
                    waits: names.all(&hole.waits),
                },
            };
            sites.push(PreparedSite {
                place: site.place.clone(),
                gives,
                holds_head,
                comes_after_page,
                owners,
                kind,
            });
        }
        let pages = plan
            .pages
            .iter()
            .map(|page| (page.template.clone(), names.all(&page.exports).into_vec()))
            .collect();
        Self {
            service: owner,
            comes_after_page: sites.iter().any(|site| site.comes_after_page),
            sites,
            names: names.list,
            pages,
            offers: plan.offers.clone(),
            origins: Origins::of(plan),
        }
    }

    /// The templates that the engine renders by name.
    pub(crate) fn template_names(&self) -> impl Iterator<Item = &String> {
        let lifted = self.sites.iter().filter_map(PreparedSite::lifted);
        self.pages
            .keys()
            .chain(self.offers.values())
            .chain(lifted.map(|text| &text.template))
    }

    /// The owner that the text of a `service` attribute names.
    pub(crate) fn owner(&self, service: &str) -> Owner {
        owner(service, &self.service)
    }

    /// Whether a tag for the fragment `reference` of another service is lazy.
    #[cfg(feature = "testing")]
    pub(crate) fn has_lazy(&self, service: &str, reference: &str) -> bool {
        self.sites.iter().any(|site| match &site.kind {
            PreparedKind::Slot(slot) => {
                slot.mode == Mode::Lazy
                    && slot.service == Some(self.owner(service))
                    && slot.reference.as_deref() == Some(reference)
            }
            PreparedKind::Hole { .. } => false,
        })
    }

    /// The fragments that the templates name: a service, and a `ref` where it is not computed. This service comes
    /// first; services that an expression computes are left out.
    pub(crate) fn fragments(&self) -> impl Iterator<Item = (&Arc<str>, Option<&Arc<str>>)> {
        let named = self.sites.iter().filter_map(|site| match &site.kind {
            PreparedKind::Slot(slot) => {
                let owner = slot.service.as_ref()?.as_ref();
                Some((owner.unwrap_or(&self.service), slot.reference.as_ref()))
            }
            PreparedKind::Hole { .. } => None,
        });
        std::iter::once((&self.service, None)).chain(named)
    }
}

fn prepare_slot(
    slot: &hydra_contract::Slot,
    own: &str,
    names: &mut Names,
    contract: &Contract,
) -> PreparedSlot {
    let ty = |export: &str| type_of(slot, own, export, contract).unwrap_or_default();
    PreparedSlot {
        service: fixed(&slot.service).map(|service| owner(service, own)),
        reference: fixed(&slot.reference).map(Arc::from),
        imports: slot.imports.clone(),
        exports: slot
            .exports
            .iter()
            .map(|export| PreparedExport {
                from: Arc::from(export.from.as_str()),
                to: names.one(&export.to),
                ty: ty(&export.from),
            })
            .collect(),
        fallback: slot.fallback.clone(),
        timeout: slot.timeout.map(Duration::from_millis),
        policy: policy(slot),
        required: slot.required,
        mode: mode(slot),
    }
}

/// The type of `export` in the contract: of this service's own fragment, or of another's that the page was built for.
fn type_of(slot: &hydra_contract::Slot, own: &str, export: &str, contract: &Contract) -> Option<Type> {
    let (service, reference) = (fixed(&slot.service)?, fixed(&slot.reference)?);
    let ty = match owner(service, own) {
        None => contract.fragments.get(reference)?.exports.get(export),
        Some(service) => {
            let of_fragment = |ask: &&FragmentUse| ask.service == *service && ask.reference == reference;
            let mut asks = contract.asks.iter().filter(of_fragment);
            asks.find_map(|ask| ask.exports.get(export))
        }
    };
    ty.cloned()
}

/// A required fragment and one with exports come in their places, whatever the tag says: the page depends on them. The
/// compiler reports such a tag.
fn mode(slot: &hydra_contract::Slot) -> Mode {
    match slot.required || !slot.exports.is_empty() {
        true => Mode::Inline,
        false => slot.mode,
    }
}

fn policy(slot: &hydra_contract::Slot) -> Option<CachePolicy> {
    let time = |milliseconds: Option<u64>| Duration::from_millis(milliseconds.unwrap_or(0));
    let policy = CachePolicy {
        cache: time(slot.cache),
        stale: time(slot.stale),
    };
    (policy != CachePolicy::default()).then_some(policy)
}

fn fixed(text: &Text) -> Option<&str> {
    match text {
        Text::Fixed(text) => Some(text),
        Text::Computed => None,
    }
}

#[derive(Default)]
struct Names {
    list: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, NameId>,
}

impl Names {
    fn one(&mut self, name: &str) -> NameId {
        if let Some(&id) = self.ids.get(name) {
            return id;
        }
        let name: Arc<str> = Arc::from(name);
        let id = self.list.len();
        self.list.push(name.clone());
        self.ids.insert(name, id);
        id
    }

    fn all(&mut self, names: &[String]) -> Box<[NameId]> {
        names.iter().map(|name| self.one(name)).collect()
    }
}
