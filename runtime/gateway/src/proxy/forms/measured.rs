//! Counts forms, by what became of them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hydra_runtime_net::{
    metrics::{HandleMap, LazyCounter, LazyHistogram},
    observe::{FragmentRecord, RequestRecord},
};
use hydra_runtime_wire::{Outcome, forms::ActionAnswer};
use metrics::{Key, Label};

use crate::{
    edge::failure::RequestFailure, limits::MAX_MEASURED_ACTIONS, measures::OTHER, routing::snapshot::Service,
};

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
        let time = self.began.elapsed();
        let [service, reference, action] = self.labels(answered);
        measures.count([service, reference, action], ActionResult::of(answered), time);
        let Some(record) = &self.record else { return };
        record.fragment(|| FragmentRecord {
            service: service.to_owned(),
            reference: reference.to_owned(),
            outcome: outcome_of(answered).label(),
            time,
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

/// The outcome for the access log and for traces, which know those of fragments.
fn outcome_of(answered: &Result<ActionAnswer, RequestFailure>) -> Outcome {
    match answered {
        Ok(_) => Outcome::Rendered,
        Err(RequestFailure::FormUnsent) => Outcome::Inactive,
        Err(RequestFailure::FormUnclear) => Outcome::Failed,
        Err(_) => Outcome::Refused,
    }
}

/// The metrics of forms, by service, ref and action.
#[derive(Debug)]
pub(crate) struct ActionMeasures {
    /// By the three names, with zeros between them, which no name has.
    handles: HandleMap<String, ActionHandles>,
    others: ActionHandles,
}

impl Default for ActionMeasures {
    fn default() -> Self {
        Self {
            handles: HandleMap::new(MAX_MEASURED_ACTIONS),
            others: ActionHandles::new(OTHER, OTHER, OTHER),
        }
    }
}

impl ActionMeasures {
    /// Counts a form with this result, which came after `time`.
    fn count(&self, [service, reference, action]: [&str; 3], result: ActionResult, time: Duration) {
        let key = [service, "\0", reference, "\0", action].concat();
        let make = || (key.clone(), ActionHandles::new(service, reference, action));
        match self.handles.get(&key, make) {
            Some(handles) => handles.count(result, time),
            None => self.others.count(result, time),
        }
    }
}

/// The metrics of one form.
#[derive(Debug)]
struct ActionHandles {
    results: [LazyCounter; ActionResult::ALL.len()],
    time: LazyHistogram,
}

impl ActionHandles {
    fn new(service: &str, reference: &str, action: &str) -> Self {
        let labels = [("service", service), ("ref", reference), ("action", action)];
        let labels = labels.map(|(name, value)| Label::new(name, value.to_owned()));
        let counter = |result: ActionResult| {
            let result = Label::from_static_parts("outcome", result.label());
            let labels = labels.iter().cloned().chain([result]).collect::<Vec<_>>();
            LazyCounter::new(Key::from_parts("hydra_actions_total", labels))
        };
        Self {
            results: ActionResult::ALL.map(counter),
            time: LazyHistogram::new(Key::from_parts("hydra_action_seconds", labels.to_vec())),
        }
    }

    fn count(&self, result: ActionResult, time: Duration) {
        self.time.record(time.as_secs_f64());
        // The counters are in the order of the results.
        if let Some(counter) = self.results.get(result as usize) {
            counter.increment(1);
        }
    }
}

/// What became of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ActionResult {
    Done,
    Invalid,
    Unsent,
    Unclear,
    Login,
    Refused,
}

impl ActionResult {
    const ALL: [Self; 6] = [
        Self::Done,
        Self::Invalid,
        Self::Unsent,
        Self::Unclear,
        Self::Login,
        Self::Refused,
    ];

    fn of(answered: &Result<ActionAnswer, RequestFailure>) -> Self {
        match answered {
            Ok(ActionAnswer::Done(_)) => Self::Done,
            Ok(ActionAnswer::Invalid(_)) => Self::Invalid,
            Err(RequestFailure::FormUnsent) => Self::Unsent,
            Err(RequestFailure::FormUnclear) => Self::Unclear,
            Err(RequestFailure::LoginEnded) => Self::Login,
            Err(_) => Self::Refused,
        }
    }

    /// Its name in metrics.
    fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Invalid => "invalid",
            Self::Unsent => "unsent",
            Self::Unclear => "unclear",
            Self::Login => "login",
            Self::Refused => "refused",
        }
    }
}
