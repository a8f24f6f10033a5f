//! What is found out once for each snapshot, and then shown to all operators.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use hydra_contract::{ContractProblem, FragmentUse};

use crate::{
    limits::{MAX_DECLARED_FLOWS, MAX_LISTED_PROBLEMS},
    registry::contracts,
    routing::snapshot::{Service, Snapshot},
};

/// What one snapshot tells as a whole.
#[derive(Debug, Default)]
pub(super) struct Digest {
    /// The version of the snapshot.
    pub(super) version: u64,
    /// How many services are registered, and how many of them have no active instance.
    pub(super) services: usize,
    pub(super) inactive: usize,
    pub(super) instances: usize,
    /// How many routes lead to active services.
    pub(super) routes: usize,
    /// The first problems, sorted.
    pub(super) problems: Vec<Problem>,
    pub(super) all_problems: usize,
    /// How many problems each service has, on either side of a contract.
    pub(super) by_service: HashMap<String, usize>,
    /// The fragments that pages of other services embed, as contracts declare it.
    pub(super) declared: BTreeMap<FlowKey, Declared>,
}

/// Something that an operator should see to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    /// The service that is to be mended, or whose pages are broken.
    pub(super) service: String,
    /// `path` or `contract`.
    pub(super) kind: &'static str,
    /// The path, or the fragment.
    pub(super) what: String,
    pub(super) reason: String,
    /// What to do about it.
    pub(super) mend: Option<String>,
    /// The templates that are affected.
    pub(super) pages: Vec<String>,
    /// The service on the other side.
    pub(super) other: Option<String>,
}

/// The pages of one service, and a fragment of another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FlowKey {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) reference: String,
}

/// What contracts declare about the use of a fragment by the pages of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) pages: BTreeSet<String>,
    /// Names with their types.
    pub(super) imports: BTreeMap<String, String>,
    pub(super) exports: BTreeMap<String, String>,
    pub(super) required: bool,
}

impl Digest {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let mut digest = Self {
            version: snapshot.version,
            ..Self::default()
        };
        let (mut problems, mut broken) = (BTreeSet::new(), BTreeSet::new());
        for service in snapshot.services() {
            digest.services += 1;
            digest.inactive += usize::from(service.active.is_empty());
            digest.instances += service.active.len();
            digest.routes += routes(service, snapshot);
            problems.extend(left_out(service, snapshot));
            broken.extend(contracts::problems_of(&service.name, snapshot.contracts()));
            digest.declare(service);
        }
        problems.extend(broken.into_iter().map(Problem::from));
        for problem in &problems {
            for service in [Some(&problem.service), problem.other.as_ref()]
                .into_iter()
                .flatten()
            {
                *digest.by_service.entry(service.clone()).or_default() += 1;
            }
        }
        digest.all_problems = problems.len();
        digest.problems = problems.into_iter().take(MAX_LISTED_PROBLEMS).collect();
        digest
    }

    fn declare(&mut self, service: &Service) {
        let mut seen = HashSet::new();
        let distinct = service.active.iter().filter(|one| seen.insert(one.contract_hash));
        let asks = distinct.flat_map(|one| one.contract.iter().flat_map(|contract| &contract.asks));
        for ask in asks.filter(|ask| ask.service != *service.name) {
            let key = FlowKey {
                from: service.name.to_string(),
                to: ask.service.clone(),
                reference: ask.reference.clone(),
            };
            if self.declared.len() < MAX_DECLARED_FLOWS || self.declared.contains_key(&key) {
                self.declared.entry(key).or_default().add(ask);
            }
        }
    }
}

impl Declared {
    fn add(&mut self, ask: &FragmentUse) {
        let types = |all: &BTreeMap<String, hydra_contract::Type>| -> Vec<(String, String)> {
            all.iter()
                .map(|(name, ty)| (name.clone(), ty.to_string()))
                .collect()
        };
        self.pages.extend(ask.pages.iter().cloned());
        self.imports.extend(types(&ask.imports));
        self.exports.extend(types(&ask.exports));
        self.required |= ask.required;
    }
}

impl From<ContractProblem> for Problem {
    fn from(found: ContractProblem) -> Self {
        let fragment = format!("{}#{}", found.service, found.reference);
        Self {
            kind: "contract",
            what: match &found.attribute {
                Some(attribute) => format!("{fragment}, attribute {attribute}"),
                None => fragment,
            },
            reason: found.reason,
            mend: Some(found.mend),
            pages: found.pages,
            other: (found.service != found.asker).then_some(found.service),
            service: found.asker,
        }
    }
}

/// The paths of a service that are not routed, each once.
fn left_out(service: &Service, snapshot: &Snapshot) -> BTreeSet<Problem> {
    let conflicts = snapshot.conflicts(&service.name).iter();
    let own = service.active.iter().flat_map(|instance| &instance.left_out);
    conflicts
        .chain(own)
        .map(|one| Problem {
            service: service.name.to_string(),
            kind: "path",
            what: one.path.clone(),
            reason: one.reason.clone(),
            mend: None,
            pages: Vec::new(),
            other: None,
        })
        .collect()
}

/// How many routes lead to a service.
fn routes(service: &Service, snapshot: &Snapshot) -> usize {
    let all = match (service.is_uniform(), service.active.first()) {
        (_, None) => 0,
        (true, Some(instance)) => instance.paths.len(),
        (false, Some(_)) => paths(service).count(),
    };
    all.saturating_sub(snapshot.conflicts(&service.name).len())
}

/// The paths of a service, each once.
fn paths(service: &Service) -> impl Iterator<Item = &str> {
    let mut seen = HashSet::new();
    service
        .active
        .iter()
        .flat_map(|instance| instance.paths.iter().map(|path| &*path.key))
        .filter(move |key| seen.insert(*key))
}
