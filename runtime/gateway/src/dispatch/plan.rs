//! Splits a batch of fragments into calls: one job per call (protocol sections 1, 2 and 6).
#![deny(clippy::disallowed_methods)]

mod asking_page;
mod same_attributes;

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use foldhash::fast::RandomState;
use hydra_runtime_net::limits::MAX_BATCH_FRAGMENTS;
use hydra_runtime_wire::{
    Attributes, FragmentRequest, FragmentsRequest, Outcome, ResolvedFragment, call_chain,
    limits::MAX_CALL_CHAIN_DEPTH, lines::cut,
};
use serde_json::Value;

use asking_page::{AskingPage, NoRoom};
use same_attributes::SameAttributes;

use crate::{
    Millis,
    config::Protocol1Attributes,
    registry::instance::FragmentProtocol,
    routing::{previews::Previews, snapshot::Snapshot},
};

/// How many fragments of a batch are answered, those that are refused among them. An answer is longer than an item, so that
/// answers to all items could take many times what the batch does. A page takes a fragment without an answer for a failed one.
const MAX_ANSWERED_FRAGMENTS: usize = 2 * MAX_BATCH_FRAGMENTS;

/// The calls for a batch.
#[derive(Debug, Default)]
pub(super) struct DispatchPlan {
    pub(super) jobs: Vec<Job>,
    /// Fragments that are not requested from any service, with the reason.
    pub(super) refused: Vec<RefusedFragment>,
    /// Entries of the imports of protocol 1 pages that can't be read, with the service of their items.
    pub(super) unread: Vec<(String, String)>,
    /// How many fragments are neither requested nor refused one by one: the page asked for many more than it may.
    pub(super) unanswered: usize,
    /// How many attributes were dropped per service, because no tag of the page names them.
    pub(super) dropped: Vec<(String, usize)>,
}

/// A fragment that is not requested from any service.
#[derive(Debug, PartialEq)]
pub(super) struct RefusedFragment {
    pub(super) service: String,
    pub(super) reference: String,
    /// The last step of the call chain, shortened. Empty: there is none.
    pub(super) asker: String,
    pub(super) answer: ResolvedFragment,
}

impl RefusedFragment {
    fn new(service: &str, item: FragmentRequest, outcome: Outcome, reason: impl Into<String>) -> Self {
        Self {
            service: cut(service).to_owned(),
            reference: cut(&item.reference).to_owned(),
            asker: item.call_chain.last().map_or("", |step| cut(step)).to_owned(),
            answer: missing(item.id, outcome, reason),
        }
    }
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

#[cfg(test)]
impl ServiceCall {
    /// The protocol of the instances that can answer the call.
    pub(super) fn fragment_protocol(&self) -> FragmentProtocol {
        match self.shared {
            Some(_) => FragmentProtocol::Protocol1,
            None => FragmentProtocol::Protocol2,
        }
    }
}

/// The longest of the items' deadlines; `None` if an item has none.
pub(super) fn longest_deadline(items: &[FragmentRequest]) -> Option<Duration> {
    let deadlines = items.iter().map(|item| item.deadline);
    let longest = deadlines.max_by_key(|deadline| deadline.unwrap_or(u64::MAX));
    longest.flatten().map(Duration::from_millis)
}

/// What decides about a visitor's versions.
#[derive(Clone, Copy, Debug)]
pub(super) struct VersionContext<'a> {
    pub(super) seed: u64,
    pub(super) previews: &'a Previews,
    pub(super) now: Millis,
}

/// Splits a batch. `callers_chain` is the call chain of items that do not state one.
pub(super) fn plan(
    batch: FragmentsRequest,
    callers_chain: &[String],
    snapshot: &Snapshot,
    protocol_1: Protocol1Attributes,
    versions: VersionContext<'_>,
) -> DispatchPlan {
    let is_protocol_1 = batch.protocol.is_none_or(|protocol| protocol < 2);
    let mut planning = Planning {
        page: AskingPage::new(is_protocol_1, batch.attributes, protocol_1),
        versions,
        snapshot,
        plan: DispatchPlan::default(),
    };
    let mut sessions = batch.sessions;
    let count = batch
        .requests
        .0
        .iter()
        .map(|(_, items)| items.len())
        .sum::<usize>();
    let room = count.min(MAX_BATCH_FRAGMENTS);
    let mut known = HashSet::with_capacity_and_hasher(room, RandomState::default());
    for (service, items) in batch.requests.0 {
        let (mut good, mut dropped) = (Vec::new(), 0);
        for mut item in items {
            if !known.insert(item.id.clone()) {
                continue;
            }
            if known.len() > MAX_ANSWERED_FRAGMENTS {
                planning.plan.unanswered += 1;
                continue;
            }
            if item.call_chain.is_empty() {
                item.call_chain = callers_chain.to_vec();
            }
            match refusal(&item, &service, known.len()) {
                Some(reason) => planning.refuse(&service, item, Outcome::Refused, reason),
                // It would spoil the whole answer of a service of protocol 1.
                None if item.reference.is_empty() => {
                    planning.refuse(&service, item, Outcome::Failed, "the item has no `ref`");
                }
                None => {
                    if !is_protocol_1 {
                        dropped += item.keep_imports();
                    }
                    good.push(item);
                }
            }
        }
        if dropped > 0 {
            planning.plan.dropped.push((service.clone(), dropped));
        }
        if !good.is_empty() {
            let session = sessions.remove(&service);
            planning.add(service, good, session);
        }
    }
    planning.plan
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

/// A plan that is being made.
struct Planning<'a> {
    page: AskingPage,
    versions: VersionContext<'a>,
    snapshot: &'a Snapshot,
    plan: DispatchPlan,
}

impl Planning<'_> {
    fn refuse(&mut self, service: &str, item: FragmentRequest, outcome: Outcome, reason: impl Into<String>) {
        let refused = RefusedFragment::new(service, item, outcome, reason);
        self.plan.refused.push(refused);
    }

    fn add(&mut self, service: String, items: Vec<FragmentRequest>, session: Option<Value>) {
        let VersionContext { seed, previews, now } = self.versions;
        let instance = self
            .snapshot
            .service(&service)
            .and_then(|found| found.model(seed, previews.version_of(&service), now));
        let Some(instance) = instance else {
            let reason = format!("no instance of `{}` is active", cut(&service));
            for item in items {
                self.refuse(&service, item, Outcome::Inactive, reason.clone());
            }
            return;
        };
        let items = self.with_attributes(&service, items);
        match &instance.fragment_protocol {
            protocol @ FragmentProtocol::Plain(paths) => self.add_plain(&service, items, paths, protocol),
            FragmentProtocol::Protocol1 => self.add_protocol_1(&service, items),
            FragmentProtocol::Protocol2 => {
                let mut ready = Vec::with_capacity(items.len());
                for mut item in items {
                    item.fallback = None;
                    if self.page.is_protocol_1 {
                        let stated = item.attributes.take();
                        let contract = instance.contract.as_ref();
                        match self.page.contracted(&item, stated, contract) {
                            Ok(attributes) => item.attributes = Some(attributes),
                            Err(NoRoom) => {
                                self.refuse(&service, item, Outcome::Refused, NoRoom::reason());
                                continue;
                            }
                        }
                        // The attributes have the fragment's names already, and the contract has chosen them.
                        item.imports = None;
                    }
                    ready.push(item);
                }
                if !ready.is_empty() {
                    self.plan.jobs.push(Job::Call(ServiceCall {
                        service,
                        shared: None,
                        items: ready,
                        session,
                    }));
                }
            }
        }
    }

    /// Gives each item of a protocol 1 page the attributes that it states, under the fragment's names. Items of protocol
    /// 2 have theirs.
    fn with_attributes(&mut self, service: &str, items: Vec<FragmentRequest>) -> Vec<FragmentRequest> {
        if !self.page.is_protocol_1 {
            return items;
        }
        let (mut ready, mut unread) = (Vec::with_capacity(items.len()), Vec::new());
        for mut item in items {
            match self.page.stated(&item, &mut unread) {
                Ok(attributes) => {
                    item.attributes = attributes;
                    ready.push(item);
                }
                Err(NoRoom) => self.refuse(service, item, Outcome::Refused, NoRoom::reason()),
            }
        }
        let unread = unread.into_iter().map(|text| (cut(service).to_owned(), text));
        self.plan.unread.extend(unread);
        ready
    }

    /// A service of protocol 1 takes one set of attributes per call, so items with the same attributes share a call.
    fn add_protocol_1(&mut self, service: &str, items: Vec<FragmentRequest>) {
        let mut groups = SameAttributes::default();
        for mut item in items {
            match item.attributes.take() {
                Some(own) => groups.add(own, item),
                None => match self.page.name_all() {
                    Ok(()) => groups.add_unstated(|| self.page.unstated(), item),
                    Err(NoRoom) => self.refuse(service, item, Outcome::Refused, NoRoom::reason()),
                },
            }
        }
        let calls = groups.into_groups().into_iter().map(|(attributes, items)| {
            Job::Call(ServiceCall {
                service: service.to_owned(),
                shared: Some(attributes),
                items,
                session: None,
            })
        });
        self.plan.jobs.extend(calls);
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
                    self.plan.jobs.push(Job::Plain(PlainCall {
                        service: service.to_owned(),
                        path: path.clone(),
                        fragment_protocol: protocol.clone(),
                        item,
                    }));
                }
                None => {
                    let reason = format!("`{service}` has no fragment `{}`", cut(&item.reference));
                    self.refuse(service, item, Outcome::Failed, reason);
                }
            }
        }
    }
}

fn refusal(item: &FragmentRequest, service: &str, count: usize) -> Option<String> {
    if count > MAX_BATCH_FRAGMENTS {
        return Some(format!(
            "a page may ask for {MAX_BATCH_FRAGMENTS} fragments at most"
        ));
    }
    let (chain, reference) = (&item.call_chain, &item.reference);
    let refusal = call_chain::check_fragment(chain, service, reference, MAX_CALL_CHAIN_DEPTH).err()?;
    Some(refusal.to_string())
}

#[cfg(test)]
mod tests;
