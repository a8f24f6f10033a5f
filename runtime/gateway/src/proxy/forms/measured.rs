//! Counts forms, by what became of them.

use std::{sync::Arc, time::Instant};

use hydra_runtime_net::observe::{ActionMeasures, ActionOutcome, ActionRecord, RequestRecord};
use hydra_runtime_wire::forms::ActionAnswer;

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
    pub(super) fn end(self, measures: &ActionMeasures, answered: &Result<ActionAnswer, RequestFailure>) {
        let (outcome, time) = (outcome(answered), self.began.elapsed());
        let names = self.labels(answered);
        measures.count(names, outcome, time);
        let Some(record) = &self.record else { return };
        let [service, reference, action] = names;
        record.action(|| ActionRecord {
            service: service.to_owned(),
            reference: reference.to_owned(),
            action: action.to_owned(),
            outcome,
            time,
            is_remote: true,
        });
    }

    /// The service, the ref and the action. What the service's contract does not have gets no label of its own.
    fn labels<'l>(&'l self, answered: &'l Result<ActionAnswer, RequestFailure>) -> [&'l str; 3] {
        let service = self.service.map_or(OTHER, |service| &*service.name);
        let named = match answered {
            Ok(ActionAnswer::Done(done)) => Some((&*done.reference, &*done.action)),
            Ok(ActionAnswer::Invalid(form)) => Some((&*form.reference, &*form.action)),
            Err(_) => None,
        };
        let named = named.filter(|(reference, action)| self.has(reference, action));
        let (reference, action) = named.unwrap_or((OTHER, OTHER));
        [service, reference, action]
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

fn outcome(answered: &Result<ActionAnswer, RequestFailure>) -> ActionOutcome {
    match answered {
        Ok(ActionAnswer::Done(_)) => ActionOutcome::Done,
        Ok(ActionAnswer::Invalid(_)) => ActionOutcome::Invalid,
        Err(RequestFailure::FormUnsent) => ActionOutcome::Unsent,
        Err(RequestFailure::FormUnclear) => ActionOutcome::Unclear,
        Err(RequestFailure::LoginEnded) => ActionOutcome::Login,
        Err(_) => ActionOutcome::Refused,
    }
}
