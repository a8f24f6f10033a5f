//! Splits a batch of fragments into calls: one job per call (protocol sections 1, 2 and 6).
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use hydra_contract::Contract;
use hydra_runtime_net::limits::MAX_BATCH_FRAGMENTS;
use hydra_runtime_wire::{
    Attributes, FragmentRequest, FragmentsRequest, Outcome, ResolvedFragment, call_chain,
    limits::MAX_CALL_CHAIN_DEPTH, lines::cut,
};
use serde_json::{Map, Value};

use crate::{
    Millis, config::Protocol1Attributes, registry::instance::FragmentProtocol, routing::snapshot::Snapshot,
};

/// The calls for a batch.
#[derive(Debug, Default)]
pub(super) struct DispatchPlan {
    pub(super) jobs: Vec<Job>,
    /// Fragments that are not requested from any service, with the reason.
    pub(super) refused: Vec<ResolvedFragment>,
    /// How many attributes were dropped per service, because no tag of the page names them.
    pub(super) dropped: Vec<(String, usize)>,
}

/// One call.
#[derive(Debug, PartialEq)]
pub(super) enum Job {
    Call(ServiceCall),
    Plain(PlainCall),
}

impl Job {
    /// The service that is called.
    pub(super) fn service(&self) -> &str {
        match self {
            Self::Call(call) => &call.service,
            Self::Plain(plain) => &plain.service,
        }
    }
}

/// A POST to a service.
#[derive(Debug, PartialEq)]
pub(super) struct ServiceCall {
    pub(super) service: String,
    /// The attributes of all items, for a service of protocol 1. `None` for a service of protocol 2.
    pub(super) shared: Option<Attributes>,
    pub(super) items: Vec<FragmentRequest>,
    pub(super) session: Option<Value>,
}

/// A GET of one fragment of a plain HTTP service.
#[derive(Debug, PartialEq)]
pub(super) struct PlainCall {
    pub(super) service: String,
    /// The path of the fragment.
    pub(super) path: String,
    /// The paths of the service to which `path` belongs: another instance may have other paths.
    pub(super) fragment_protocol: FragmentProtocol,
    pub(super) item: FragmentRequest,
}

impl ServiceCall {
    /// The protocol of the instances that can answer the call.
    pub(super) fn fragment_protocol(&self) -> FragmentProtocol {
        match self.shared {
            Some(_) => FragmentProtocol::Protocol1,
            None => FragmentProtocol::Protocol2,
        }
    }

    /// The longest of the items' deadlines; `None` if an item has none.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let longest = self
            .items
            .iter()
            .map(|item| item.deadline)
            .max_by_key(|deadline| deadline.unwrap_or(u64::MAX));
        longest.flatten().map(Duration::from_millis)
    }
}

/// What decides about a visitor's versions.
#[derive(Clone, Copy, Debug)]
pub(super) struct VersionContext {
    pub(super) seed: u64,
    pub(super) now: Millis,
}

/// Splits a batch. `callers_chain` is the call chain of items that do not state one.
pub(super) fn plan(
    batch: FragmentsRequest,
    callers_chain: &[String],
    snapshot: &Snapshot,
    protocol_1: Protocol1Attributes,
    versions: VersionContext,
) -> DispatchPlan {
    let page = AskingPage {
        is_protocol_1: batch.protocol.is_none_or(|protocol| protocol < 2),
        attributes: batch.attributes,
        protocol_1,
        versions,
    };
    let (mut plan, mut sessions) = (DispatchPlan::default(), batch.sessions);
    let mut known = HashSet::new();
    for (service, items) in batch.requests.0 {
        let (mut good, mut dropped) = (Vec::new(), 0);
        for mut item in items {
            if !known.insert(item.id.clone()) {
                continue;
            }
            if item.call_chain.is_empty() {
                item.call_chain = callers_chain.to_vec();
            }
            match refusal(&item, &service, known.len()) {
                Some(reason) => plan.refused.push(missing(item.id, Outcome::Refused, reason)),
                // It would spoil the whole answer of a service of protocol 1.
                None if item.reference.is_empty() => {
                    let reason = "the item has no `ref`";
                    plan.refused.push(missing(item.id, Outcome::Failed, reason));
                }
                None => {
                    if !page.is_protocol_1 {
                        dropped += item.keep_imports();
                    }
                    good.push(item);
                }
            }
        }
        if dropped > 0 {
            plan.dropped.push((service.clone(), dropped));
        }
        if !good.is_empty() {
            let session = sessions.remove(&service);
            plan.add(service, good, session, &page, snapshot);
        }
    }
    plan
}

/// A fragment without HTML, with the reason.
pub(super) fn missing(id: String, outcome: Outcome, reason: impl Into<String>) -> ResolvedFragment {
    ResolvedFragment {
        id,
        outcome,
        reason: Some(reason.into()),
        ..ResolvedFragment::default()
    }
}

/// The page that requests the fragments.
struct AskingPage {
    is_protocol_1: bool,
    attributes: Attributes,
    protocol_1: Protocol1Attributes,
    versions: VersionContext,
}

impl DispatchPlan {
    fn add(
        &mut self,
        service: String,
        items: Vec<FragmentRequest>,
        session: Option<Value>,
        page: &AskingPage,
        snapshot: &Snapshot,
    ) {
        let VersionContext { seed, now } = page.versions;
        let instance = snapshot
            .service(&service)
            .and_then(|service| service.model(seed, now));
        match instance.map(|instance| (&instance.fragment_protocol, &instance.contract)) {
            None => self.refused.extend(items.into_iter().map(|item| {
                missing(
                    item.id,
                    Outcome::Inactive,
                    format!("no instance of `{}` is active", cut(&service)),
                )
            })),
            Some((protocol @ FragmentProtocol::Plain(paths), _)) => {
                self.add_plain(&service, items, paths, protocol)
            }
            Some((FragmentProtocol::Protocol1, _)) => self.add_protocol_1(&service, items, page),
            Some((FragmentProtocol::Protocol2, contract)) => {
                let items = items
                    .into_iter()
                    .map(|item| page.for_protocol_2(item, contract.as_ref()))
                    .collect();
                self.jobs.push(Job::Call(ServiceCall {
                    service,
                    shared: None,
                    items,
                    session,
                }));
            }
        }
    }

    /// A service of protocol 1 takes one set of attributes per call, so items with the same attributes share a call.
    fn add_protocol_1(&mut self, service: &str, items: Vec<FragmentRequest>, page: &AskingPage) {
        let mut groups: Vec<(Attributes, Vec<FragmentRequest>)> = Vec::new();
        for mut item in items {
            let own = item.attributes.take();
            let attributes = own.unwrap_or_else(|| page.for_protocol_1());
            item.fallback.get_or_insert_default();
            item.imports.get_or_insert_default();
            match groups.iter_mut().find(|(known, _)| *known == attributes) {
                Some((_, group)) => group.push(item),
                None => groups.push((attributes, vec![item])),
            }
        }
        self.jobs.extend(groups.into_iter().map(|(attributes, items)| {
            Job::Call(ServiceCall {
                service: service.to_owned(),
                shared: Some(attributes),
                items,
                session: None,
            })
        }));
    }

    fn add_plain(
        &mut self,
        service: &str,
        items: Vec<FragmentRequest>,
        paths: &BTreeMap<String, String>,
        protocol: &FragmentProtocol,
    ) {
        for item in items {
            match paths.get(&item.reference) {
                Some(path) => {
                    self.jobs.push(Job::Plain(PlainCall {
                        service: service.to_owned(),
                        path: path.clone(),
                        fragment_protocol: protocol.clone(),
                        item,
                    }));
                }
                None => {
                    let reason = format!("`{service}` has no fragment `{}`", cut(&item.reference));
                    self.refused.push(missing(item.id, Outcome::Failed, reason));
                }
            }
        }
    }
}

impl AskingPage {
    fn for_protocol_1(&self) -> Attributes {
        match self.protocol_1 {
            Protocol1Attributes::Pass => self.attributes.clone(),
            Protocol1Attributes::Drop => Map::new(),
        }
    }

    /// A page that cannot name imports passes on exactly what the fragment's contract imports.
    fn for_protocol_2(&self, mut item: FragmentRequest, contract: Option<&Contract>) -> FragmentRequest {
        item.fallback = None;
        if self.is_protocol_1 {
            let fragment = contract.and_then(|contract| contract.fragments.get(&item.reference));
            let imports = fragment.into_iter().flat_map(|fragment| fragment.imports.keys());
            let attributes = imports
                .filter_map(|name| Some((name.clone(), self.attributes.get(name)?.clone())))
                .collect();
            item.attributes = Some(attributes);
            item.imports = None;
        }
        item
    }
}

fn refusal(item: &FragmentRequest, service: &str, count: usize) -> Option<String> {
    if count > MAX_BATCH_FRAGMENTS {
        return Some(format!(
            "a page may ask for {MAX_BATCH_FRAGMENTS} fragments at most"
        ));
    }
    let own = call_chain::fragment_step(service, &item.reference);
    let refusal = call_chain::check(&item.call_chain, &own, MAX_CALL_CHAIN_DEPTH).err()?;
    Some(refusal.to_string())
}

#[cfg(test)]
mod tests;
