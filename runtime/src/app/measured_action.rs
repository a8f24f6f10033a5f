//! Measures actions, by what becomes of them.

use std::time::Instant;

use hydra_runtime_net::observe::{self, ActionOutcome, ActionRecord, OTHER};

use super::context::RenderContext;
use crate::form::SealedForm;

/// An action that has begun.
pub(super) struct Measured {
    service: String,
    reference: String,
    action: String,
    began: Instant,
}

impl Measured {
    /// The action of `form`. What the contract of this service does not have gets no label of its own.
    pub(super) fn begin(context: &RenderContext, form: Option<&SealedForm>) -> Self {
        let known = form.filter(|form| {
            let fragment = context.contract.fragments.get(&form.reference);
            fragment.is_some_and(|fragment| fragment.actions.contains_key(&form.action))
        });
        let name = |of: fn(&SealedForm) -> &String| known.map_or(OTHER, |form| of(form).as_str()).to_owned();
        Self {
            service: context.service.to_string(),
            reference: name(|form| &form.reference),
            action: name(|form| &form.action),
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
