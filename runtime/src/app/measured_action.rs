//! Measures actions, by what becomes of them.

use std::{collections::BTreeMap, time::Instant};

use hydra_runtime_net::observe::{self, ActionOutcome, ActionRecord, OTHER};

use super::context::RenderContext;

/// An action that has begun.
pub(super) struct Measured {
    service: String,
    reference: String,
    action: String,
    began: Instant,
}

impl Measured {
    /// The action with these names of a fragment, which is empty for a page's own form, and an action. One that this service does not
    /// have gets no label of its own.
    pub(super) fn begin(context: &RenderContext, names: Option<(&str, &str)>) -> Self {
        let routes: &BTreeMap<(&str, &str), _> = &context.actions.routes;
        let known = names.filter(|names| routes.contains_key(names));
        let (reference, action) = known.unwrap_or((OTHER, OTHER));
        Self {
            service: context.service.to_string(),
            reference: reference.to_owned(),
            action: action.to_owned(),
            began: Instant::now(),
        }
    }

    /// Tells what became of it in the record of the request.
    pub(super) fn end(self, outcome: ActionOutcome) -> ActionRecord {
        let record = ActionRecord {
            service: self.service,
            reference: self.reference,
            action: self.action,
            outcome,
            time: self.began.elapsed(),
            is_remote: false,
        };
        observe::with_current(|request| request.action(|| record.clone()));
        record
    }
}
