//! What became of a form that a visitor sent: in the metrics, in the record of its request, and in traces.

use std::time::Duration;

use hydra_runtime_wire::forms::FormFailure;
use metrics::{Key, Label};

use super::OTHER;
use crate::{
    limits::MAX_MEASURED_ACTIONS,
    metrics::{HandleMap, LazyCounter, LazyHistogram},
};

/// What became of a form, in the words of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionOutcome {
    /// The action is done.
    Done,
    /// The visitor sees the form again.
    Invalid,
    /// The form was not taken.
    Refused,
    /// The visitor must log in first.
    Login,
    /// Nothing of the form reached its owner.
    Unsent,
    /// It is not known what was done.
    Unclear,
}

impl ActionOutcome {
    const ALL: [Self; 6] = [
        Self::Done,
        Self::Invalid,
        Self::Refused,
        Self::Login,
        Self::Unsent,
        Self::Unclear,
    ];

    /// The value of the label `outcome`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Login => "login",
            Self::Unsent => "unsent",
            Self::Unclear => "unclear",
        }
    }

    /// Whether a visitor can't help it.
    #[must_use]
    pub fn is_error(self) -> bool {
        matches!(self, Self::Unsent | Self::Unclear)
    }
}

impl From<FormFailure> for ActionOutcome {
    fn from(failure: FormFailure) -> Self {
        match failure {
            FormFailure::Login => Self::Login,
            FormFailure::Unsent => Self::Unsent,
            FormFailure::Unclear => Self::Unclear,
            _ => Self::Refused,
        }
    }
}

/// A form that a visitor sent, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRecord {
    /// The service that owns the form.
    pub service: String,
    /// The fragment with the form. Empty: the form is that of a page.
    pub reference: String,
    /// The name of the action.
    pub action: String,
    /// What became of the form.
    pub outcome: ActionOutcome,
    /// How long it took, the arrival of the form included.
    pub time: Duration,
    /// Whether another process than this one ran the action.
    pub is_remote: bool,
}

impl ActionRecord {
    /// The names of service, fragment and action in one text.
    pub(super) fn name(&self) -> String {
        match &*self.reference {
            "" => format!("{}/{}", self.service, self.action),
            reference => format!("{}/{reference}/{}", self.service, self.action),
        }
    }
}

/// The metrics of forms, by service, fragment and action. Only the process counts a form to which the visitor sent it, or that runs the
/// action of a page's own form.
#[derive(Debug)]
pub struct ActionMeasures {
    /// By the three names, with zeros between them, which no name has.
    handles: HandleMap<String, Handles>,
    others: Handles,
}

impl Default for ActionMeasures {
    fn default() -> Self {
        Self {
            handles: HandleMap::new(MAX_MEASURED_ACTIONS),
            others: Handles::new([OTHER; 3]),
        }
    }
}

impl ActionMeasures {
    /// Counts a form of this service, fragment and action, about which this was known after `time`.
    pub fn count(&self, names: [&str; 3], outcome: ActionOutcome, time: Duration) {
        let key = names.join("\0");
        let make = || (key.clone(), Handles::new(names));
        match self.handles.get(&key, make) {
            Some(handles) => handles.count(outcome, time),
            None => self.others.count(outcome, time),
        }
    }
}

/// The metrics of one form.
#[derive(Debug)]
struct Handles {
    outcomes: [LazyCounter; ActionOutcome::ALL.len()],
    time: LazyHistogram,
}

impl Handles {
    fn new([service, reference, action]: [&str; 3]) -> Self {
        let labels = [("service", service), ("ref", reference), ("action", action)];
        let labels = labels.map(|(name, value)| Label::new(name, value.to_owned()));
        let counter = |outcome: ActionOutcome| {
            let outcome = Label::from_static_parts("outcome", outcome.label());
            let labels = labels.iter().cloned().chain([outcome]).collect::<Vec<_>>();
            LazyCounter::new(Key::from_parts("hydra_actions_total", labels))
        };
        Self {
            outcomes: ActionOutcome::ALL.map(counter),
            time: LazyHistogram::new(Key::from_parts("hydra_action_seconds", labels.to_vec())),
        }
    }

    fn count(&self, outcome: ActionOutcome, time: Duration) {
        self.time.record(time.as_secs_f64());
        // The counters are in the order of the outcomes.
        if let Some(counter) = self.outcomes.get(outcome as usize) {
            counter.increment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn a_status_without_a_result_says_what_became_of_the_form() {
        for (status, is_own, expected) in [
            (400, false, "refused"),
            (401, false, "login"),
            (401, true, "login"),
            (403, true, "refused"),
            (404, false, "refused"),
            (408, false, "refused"),
            (409, true, "refused"),
            (413, false, "refused"),
            (415, false, "refused"),
            (500, false, "unclear"),
            (502, false, "unclear"),
            (503, false, "unsent"),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let outcome = ActionOutcome::from(FormFailure::of_owner(status, is_own));
            assert_eq!(outcome.label(), expected, "{status}");
        }
    }
}
