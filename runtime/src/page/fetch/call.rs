//! A call for an offered fragment, and its answer.

use std::{collections::BTreeMap, sync::Arc};

use hydra_runtime_net::fragment_source::{Caller, FragmentSource};
use hydra_runtime_wire::{Attributes, Outcome, ResolvedFragment};
use serde_json::Value;

use crate::{form::FormState, fragment_source::LocalFragments};

/// A call for a fragment that this service offers.
#[derive(Clone, Default)]
pub struct FragmentCall {
    /// The caller's id of the call, which comes back in the answer.
    pub id: String,
    /// The fragment's name.
    pub reference: String,
    /// Its imports, under its own names.
    pub imports: Attributes,
    /// The exports that the caller wants. Of an export as a tag writes it (`a as b`), only the fragment's name counts.
    pub exports: Vec<String>,
    /// The visitor's sessions, by service. A handler sees only that of this service.
    pub sessions: BTreeMap<String, Value>,
    /// A form of the fragment that was sent and can't be used.
    pub form: Option<Arc<FormState>>,
    /// What is known about the visitor. A budget of zero means the page deadline of the [`Options`](crate::page::Options).
    pub caller: Caller,
    /// This service's fragments.
    pub local: Option<Arc<dyn LocalFragments>>,
    /// The source of other services' fragments.
    pub source: Option<Arc<dyn FragmentSource>>,
}

/// The answer to a [`FragmentCall`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FragmentAnswer {
    /// The fragment, ready to be sent.
    pub fragment: ResolvedFragment,
    /// The sessions that changed, by service.
    pub sessions: BTreeMap<String, Value>,
    /// What fragments of plain services in it set in the visitor's cookies, each encrypted for gateways.
    pub cookies: Vec<String>,
}

impl FragmentAnswer {
    pub(crate) fn failed(outcome: Outcome, reason: impl Into<String>) -> Self {
        let fragment = ResolvedFragment {
            outcome,
            reason: Some(reason.into()),
            ..ResolvedFragment::default()
        };
        Self {
            fragment,
            ..Self::default()
        }
    }
}
