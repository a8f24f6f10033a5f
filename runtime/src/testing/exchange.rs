//! What one request of a test and the application exchange: fragments that the test gives, and what the application asked for.

use std::{
    future::ready,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{
    StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use hydra_runtime_net::fragment_source::{Caller, FragmentSource};
use hydra_runtime_wire::{
    Attributes, FragmentRequest, FragmentsRequest, Outcome, ResolvedFragment, ResolvedFragments,
};
use serde_json::Value;

use super::{asked::Asked, given::Checked};
use crate::fragment_source::{LocalAnswer, LocalCall, LocalError, LocalFragments};

tokio::task_local! {
    /// The exchange of the request that this task sends.
    static EXCHANGE: Arc<Exchange>;
}

/// The exchange of one request.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    given: Checked,
    /// The lock is never held across an await.
    asked: Mutex<Vec<Asked>>,
}

impl Exchange {
    pub(super) fn new(given: Checked) -> Self {
        Self {
            given,
            asked: Mutex::default(),
        }
    }

    /// The fragments that the test gives.
    pub(super) fn given(&self) -> &Checked {
        &self.given
    }

    /// Runs `request`, which asks this exchange for fragments. Returns its output, what it asked for, and this exchange.
    pub(super) async fn run<F: Future>(self, request: F) -> (F::Output, Vec<Asked>, Arc<Self>) {
        let exchange = Arc::new(self);
        let output = EXCHANGE.scope(exchange.clone(), request).await;
        let asked = std::mem::take(&mut *exchange.asked.lock().unwrap_or_else(PoisonError::into_inner));
        (output, asked, exchange)
    }

    fn record(&self, service: &str, reference: &str, imports: Attributes) {
        let asked = Asked {
            service: service.to_owned(),
            reference: reference.to_owned(),
            imports: Value::Object(imports),
        };
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(asked);
    }

    /// The answer to a batch.
    fn answer(&self, batch: FragmentsRequest) -> ResolvedFragments {
        let requests = batch.requests.0.into_iter().flat_map(|(_, requests)| requests);
        let fragments = requests.map(|mut request| {
            let imports = request.attributes.take().unwrap_or_default();
            self.record(&request.service, &request.reference, imports);
            self.fragment(request)
        });
        ResolvedFragments {
            fragments: fragments.collect(),
            ..ResolvedFragments::default()
        }
    }

    fn fragment(&self, request: FragmentRequest) -> ResolvedFragment {
        let given = self.given.find(&request.service, &request.reference);
        let Some((html, exports)) = given.and_then(|given| given.content.as_ref()) else {
            return away(request, "it is away in this test");
        };
        let is_taken = |name: &str| {
            let mut exports = request.exports.iter();
            exports.any(|export| export.split_whitespace().next() == Some(name))
        };
        let exports = exports.iter().filter(|(name, _)| is_taken(name));
        ResolvedFragment {
            html: Some(html.clone()),
            exports: exports
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            id: request.id,
            ..ResolvedFragment::default()
        }
    }
}

fn away(request: FragmentRequest, reason: &str) -> ResolvedFragment {
    ResolvedFragment {
        id: request.id,
        outcome: Outcome::Inactive,
        reason: Some(reason.to_owned()),
        ..ResolvedFragment::default()
    }
}

/// The fragments of other services, as the test of this task gives them.
pub(super) struct GivenFragments;

impl FragmentSource for GivenFragments {
    fn resolve(&self, batch: FragmentsRequest, _: Caller) -> BoxStream<'static, ResolvedFragments> {
        let exchange = EXCHANGE.try_with(Arc::clone).unwrap_or_default();
        stream::once(ready(exchange.answer(batch))).boxed()
    }
}

/// The fragments of the application itself. It notes which of them pages ask for.
pub(super) struct RecordedFragments {
    pub(super) service: Arc<str>,
    pub(super) fragments: Arc<dyn LocalFragments>,
}

impl LocalFragments for RecordedFragments {
    fn call(&self, call: LocalCall) -> BoxFuture<'static, Result<LocalAnswer, LocalError>> {
        // A call without a chain is the test's own.
        if !call.caller.call_chain.is_empty() {
            let _ = EXCHANGE
                .try_with(|exchange| exchange.record(&self.service, &call.reference, call.imports.clone()));
        }
        self.fragments.call(call)
    }
}
