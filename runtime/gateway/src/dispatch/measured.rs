//! Measures the calls of a batch, and who requested the fragments.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hydra_runtime_net::observe::{FragmentRecord, RequestRecord};
use hydra_runtime_wire::{FragmentRequest, Outcome, ResolvedFragment, ResolvedFragments};

use super::{
    CallContext,
    plan::{Job, RefusedFragment},
};
use crate::{
    Gateway,
    flows::{Asker, Flow},
    measures::FragmentHandles,
    registry::instance::{FragmentProtocol, Instance},
    routing::snapshot::Snapshot,
};

/// The metrics of the fragments of one job, in their order.
pub(super) struct Measured {
    fragments: Vec<(Arc<FragmentHandles>, Arc<Flow>)>,
    /// The request whose record names the fragments: a call of another process. Pages of this process do so themselves.
    named: Option<Named>,
}

/// The metrics of a call that is under way.
pub(super) struct Measuring {
    measured: Measured,
    began: Instant,
}

struct Named {
    record: Arc<RequestRecord>,
    service: String,
    references: Vec<String>,
}

impl Measured {
    pub(super) fn of(gateway: &Gateway, job: &Job, context: &CallContext) -> Self {
        let (service, items) = match job {
            Job::Call(call) => (&call.service, call.items.as_slice()),
            Job::Plain(plain) => (&plain.service, std::slice::from_ref(&plain.item)),
        };
        let page = context.page.as_deref();
        let handles = |item: &FragmentRequest| {
            let asker = asker(item.call_chain.last().map(String::as_str), page);
            handles(gateway, service, &item.reference, asker, context.from.is_none())
        };
        let is_call = |record: &&Arc<RequestRecord>| context.from.is_some() && record.has_details();
        let named = context.record.as_ref().filter(is_call).map(|record| Named {
            record: Arc::clone(record),
            service: service.clone(),
            references: items.iter().map(|item| item.reference.clone()).collect(),
        });
        Self {
            fragments: items.iter().map(handles).collect(),
            named,
        }
    }

    /// The call begins.
    pub(super) fn begin(self) -> Measuring {
        Measuring {
            measured: self,
            began: Instant::now(),
        }
    }

    /// Counts fragments that were there after `time`.
    pub(super) fn count(self, fragments: &[ResolvedFragment], time: Duration) {
        for ((handles, flow), fragment) in self.fragments.iter().zip(fragments) {
            handles.count(fragment.outcome, time);
            let was_requested = fragment.outcome != Outcome::Cached;
            flow.count(fragment.outcome, was_requested.then_some(time));
        }
        let Some(named) = self.named else { return };
        for (reference, fragment) in named.references.into_iter().zip(fragments) {
            named.record.fragment(|| FragmentRecord {
                service: named.service.clone(),
                reference,
                outcome: fragment.outcome.label(),
                time,
            });
        }
    }
}

impl Measuring {
    /// Counts the fragments that the call brought.
    pub(super) fn end(self, answer: ResolvedFragments) -> ResolvedFragments {
        self.measured.count(&answer.fragments, self.began.elapsed());
        answer
    }
}

/// Counts a fragment that a page of this process shows again.
pub(super) fn count_kept(gateway: &Gateway, service: &str, reference: &str, asker: Asker<'_>) {
    let (handles, flow) = handles(gateway, service, reference, asker, true);
    handles.count(Outcome::Cached, Duration::ZERO);
    flow.count(Outcome::Cached, None);
}

/// Counts fragments that were not requested from any service.
pub(super) fn count_refused(gateway: &Gateway, refused: &[RefusedFragment], context: &CallContext) {
    let (page, is_local) = (context.page.as_deref(), context.from.is_none());
    for one in refused {
        let asker = asker(Some(&one.asker), page);
        let (_, flow) = handles(gateway, &one.service, &one.reference, asker, is_local);
        flow.count(one.answer.outcome, None);
    }
}

/// What asks, by the last step of its call chain. The page of the caller counts where that step is a page.
pub(super) fn asker<'a>(step: Option<&'a str>, page: Option<&'a str>) -> Asker<'a> {
    let step = step.unwrap_or_default();
    let page = page.filter(|_| !step.contains('/')).unwrap_or_default();
    Asker { step, page }
}

/// The metrics of a fragment, and the flow of requests for it from `asker`. `is_local`: that is a page of this process.
fn handles(
    gateway: &Gateway,
    service: &str,
    reference: &str,
    asker: Asker<'_>,
    is_local: bool,
) -> (Arc<FragmentHandles>, Arc<Flow>) {
    let measures = gateway.fragment_measures();
    let snapshot = || gateway.publisher().snapshot();
    let handles = measures.of(service, reference, || {
        is_offered(&snapshot(), service, reference, asker.step)
    });
    let known = || match is_local {
        true => Some(asker),
        false => known(&snapshot(), asker, service, reference),
    };
    let flow = measures.flow(&handles, asker, known);
    (handles, flow)
}

/// Whether a service offers a fragment. While no instance of it is active, the contract of the asker tells. `None`: no
/// contract knows the service.
fn is_offered(snapshot: &Snapshot, service: &str, reference: &str, asker: &str) -> Option<bool> {
    if let Some(instance) = snapshot.service(service).and_then(|owner| owner.active.first()) {
        return Some(offers(instance, reference));
    }
    let asking = snapshot.service(name_in(asker))?;
    let mut asks = asking
        .active
        .iter()
        .filter_map(|instance| instance.contract.as_ref())
        .flat_map(|contract| &contract.asks);
    asks.any(|ask| ask.service == service && ask.reference == reference)
        .then_some(true)
}

/// What exists of an asker that a peer wrote: its step is that of a registered service or of a fragment that one offers, and contracts
/// name its page among those that embed the fragment `reference` of `owner`.
fn known<'a>(snapshot: &Snapshot, asker: Asker<'a>, owner: &str, reference: &str) -> Option<Asker<'a>> {
    let service = snapshot.service(name_in(asker.step))?;
    if let Some((_, asking)) = asker.step.split_once('/') {
        let is_offered = service.active.iter().any(|instance| offers(instance, asking));
        return is_offered.then_some(asker);
    }
    if asker.page.is_empty() {
        return Some(asker);
    }
    let contracts = service.active.iter().filter_map(|one| one.contract.as_ref());
    let mut asks = contracts
        .flat_map(|contract| &contract.asks)
        .filter(|ask| ask.service == owner && ask.reference == reference);
    let page = match asks.any(|ask| ask.pages.iter().any(|page| page == asker.page)) {
        true => asker.page,
        false => "",
    };
    Some(Asker { page, ..asker })
}

/// The service of a step: the step of a page is its name, and that of a fragment is `service/ref`.
fn name_in(step: &str) -> &str {
    step.split_once('/').map_or(step, |(service, _)| service)
}

fn offers(instance: &Instance, reference: &str) -> bool {
    match &instance.fragment_protocol {
        FragmentProtocol::Plain(paths) => paths.contains_key(reference),
        FragmentProtocol::Protocol1 | FragmentProtocol::Protocol2 => instance
            .contract
            .as_ref()
            .is_some_and(|contract| contract.fragments.contains_key(reference)),
    }
}
