//! Counts forms, by what became of them.

use std::{sync::Arc, time::Instant};

use hydra_runtime_net::observe::{FragmentRecord, RequestRecord};
use hydra_runtime_wire::{Outcome, forms::ActionAnswer};
use metrics::Label;

use crate::{edge::failure::RequestFailure, measures::OTHER, routing::snapshot::Service};

/// A form that is under way to its owner. `None` if no service has the name in the seal, which may be anything.
pub(super) struct Measured<'a> {
    service: Option<&'a Service>,
    record: Option<Arc<RequestRecord>>,
    began: Instant,
}

impl<'a> Measured<'a> {
    pub(super) fn begin(service: Option<&'a Service>, record: Option<Arc<RequestRecord>>) -> Self {
        Self {
            service,
            record,
            began: Instant::now(),
        }
    }

    /// Counts the form, and tells it in the record of the request.
    pub(super) fn end(self, answered: &Result<ActionAnswer, RequestFailure>) {
        let time = self.began.elapsed();
        let [service, reference, action] = self.labels(answered);
        let mut labels = vec![
            Label::new("service", service.clone()),
            Label::new("ref", reference.clone()),
            Label::new("action", action),
        ];
        metrics::histogram!("hydra_action_seconds", labels.clone()).record(time.as_secs_f64());
        labels.push(Label::from_static_parts("outcome", label(answered)));
        metrics::counter!("hydra_actions_total", labels).increment(1);
        let Some(record) = self.record else { return };
        record.fragment(|| FragmentRecord {
            service,
            reference,
            outcome: outcome_of(answered).label(),
            time,
        });
    }

    /// The service, the ref and the action. What the service's contract does not have gets no label of its own.
    fn labels(&self, answered: &Result<ActionAnswer, RequestFailure>) -> [String; 3] {
        let service = self.service.map(|service| service.name.to_string());
        let named = match answered {
            Ok(ActionAnswer::Done(done)) => Some((&done.reference, &done.action)),
            Ok(ActionAnswer::Invalid(form)) => Some((&form.reference, &form.action)),
            Err(_) => None,
        };
        let named = named.filter(|(reference, action)| self.has(reference, action));
        let other = || OTHER.to_owned();
        let (reference, action) = named
            .map(|(reference, action)| (reference.clone(), action.clone()))
            .unzip();
        [
            service.unwrap_or_else(other),
            reference.unwrap_or_else(other),
            action.unwrap_or_else(other),
        ]
    }

    /// Whether the contract of the service has a fragment with such a form.
    fn has(&self, reference: &str, action: &str) -> bool {
        let mut instances = self.service.iter().flat_map(|service| &service.active);
        instances.any(|instance| {
            let contract = instance.contract.as_ref();
            let fragment = contract.and_then(|contract| contract.fragments.get(reference));
            fragment.is_some_and(|fragment| fragment.actions.contains_key(action))
        })
    }
}

/// The outcome for the access log and for traces, which know those of fragments.
fn outcome_of(answered: &Result<ActionAnswer, RequestFailure>) -> Outcome {
    match answered {
        Ok(_) => Outcome::Rendered,
        Err(RequestFailure::FormUnsent) => Outcome::Inactive,
        Err(RequestFailure::FormUnclear) => Outcome::Failed,
        Err(_) => Outcome::Refused,
    }
}

/// What became of a form.
fn label(answered: &Result<ActionAnswer, RequestFailure>) -> &'static str {
    match answered {
        Ok(ActionAnswer::Done(_)) => "done",
        Ok(ActionAnswer::Invalid(_)) => "invalid",
        Err(RequestFailure::FormUnsent) => "unsent",
        Err(RequestFailure::FormUnclear) => "unclear",
        Err(RequestFailure::LoginEnded) => "login",
        Err(_) => "refused",
    }
}
