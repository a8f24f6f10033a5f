//! Measures the calls of a batch.

use std::{future::Future, sync::Arc, time::Instant};

use hydra_runtime_net::observe::{FragmentRecord, RequestRecord};
use hydra_runtime_wire::{FragmentRequest, ResolvedFragments};

use super::{CallContext, plan::Job};
use crate::{Gateway, measures::FragmentHandles};

/// The metrics of the fragments of one job, in their order.
pub(super) struct Measured {
    fragments: Vec<Arc<FragmentHandles>>,
    /// The request whose record names the fragments: a call of another process. Pages of this process do so themselves.
    named: Option<Named>,
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
        let instance = || {
            let snapshot = gateway.publisher().snapshot();
            snapshot.service(service)?.active.first().map(Arc::clone)
        };
        let measures = gateway.fragment_measures();
        let handles = |item: &FragmentRequest| measures.of(service, &item.reference, instance);
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

    /// Counts the fragments that `call` brings.
    pub(super) async fn counted(self, call: impl Future<Output = ResolvedFragments>) -> ResolvedFragments {
        let began = Instant::now();
        let answer = call.await;
        let time = began.elapsed();
        for (handles, fragment) in self.fragments.iter().zip(&answer.fragments) {
            handles.count(fragment, time);
        }
        if let Some(named) = self.named {
            for (reference, fragment) in named.references.into_iter().zip(&answer.fragments) {
                named.record.fragment(|| FragmentRecord {
                    service: named.service.clone(),
                    reference,
                    outcome: fragment.outcome.label(),
                    time,
                });
            }
        }
        answer
    }
}
