//! Counts forms, by what became of them.

use std::{sync::Arc, time::Instant};

use http::StatusCode;
use hydra_runtime_net::observe::{ActionMeasures, ActionOutcome, ActionRecord, RequestRecord};
use hydra_runtime_wire::forms::ActionAnswer;

use super::owner::{FormName, NoAnswer};
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

    /// Counts a form that is refused before it is sent to anybody. Returns why.
    pub(super) fn refused(
        service: Option<&'a Service>,
        record: Option<Arc<RequestRecord>>,
        measures: &ActionMeasures,
        failure: RequestFailure,
    ) -> RequestFailure {
        Self::begin(service, record).end(measures, &Err(failure.into()));
        failure
    }

    /// Counts the form, and tells it in the record of the request.
    pub(super) fn end(self, measures: &ActionMeasures, answered: &Result<ActionAnswer, NoAnswer>) {
        let names = self.labels(answered);
        count(
            measures,
            self.record.as_deref(),
            names,
            outcome(answered),
            self.began,
        );
    }

    /// The service, the ref and the action. What the service's contract does not have gets no label of its own.
    fn labels<'l>(&'l self, answered: &'l Result<ActionAnswer, NoAnswer>) -> [&'l str; 3] {
        let service = self.service.map_or(OTHER, |service| &*service.name);
        let named = match answered {
            Ok(ActionAnswer::Done(done)) => Some((&*done.reference, &*done.action)),
            Ok(ActionAnswer::Invalid(form)) => Some((&*form.reference, &*form.action)),
            Err(NoAnswer { form, .. }) => form
                .as_ref()
                .map(|FormName { reference, action }| (&**reference, &**action)),
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

/// Counts a form of a plain service, which has no contract: the path in the settings stands for the action.
pub(super) fn count_plain(
    measures: &ActionMeasures,
    began: Instant,
    record: Option<&RequestRecord>,
    names: [&str; 3],
    result: Result<StatusCode, RequestFailure>,
) {
    let outcome = match result {
        Ok(StatusCode::UNPROCESSABLE_ENTITY) => ActionOutcome::Invalid,
        Ok(status) if status.is_client_error() => ActionOutcome::Refused,
        Ok(status) if status.is_server_error() => ActionOutcome::Unclear,
        Ok(_) => ActionOutcome::Done,
        Err(failure) => outcome_of_failure(failure),
    };
    count(measures, record, names, outcome, began);
}

/// Counts a form of this service, ref and action, and tells it in the record of its request.
fn count(
    measures: &ActionMeasures,
    record: Option<&RequestRecord>,
    names: [&str; 3],
    outcome: ActionOutcome,
    began: Instant,
) {
    let time = began.elapsed();
    measures.count(names, outcome, time);
    let Some(record) = record else { return };
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

fn outcome(answered: &Result<ActionAnswer, NoAnswer>) -> ActionOutcome {
    match answered {
        Ok(ActionAnswer::Done(_)) => ActionOutcome::Done,
        Ok(ActionAnswer::Invalid(_)) => ActionOutcome::Invalid,
        Err(none) => outcome_of_failure(none.failure),
    }
}

fn outcome_of_failure(failure: RequestFailure) -> ActionOutcome {
    match failure {
        RequestFailure::FormUnsent => ActionOutcome::Unsent,
        RequestFailure::FormUnclear => ActionOutcome::Unclear,
        RequestFailure::LoginEnded => ActionOutcome::Login,
        _ => ActionOutcome::Refused,
    }
}
