//! Runs the fragment handlers of the application for the engine.

use std::{
    collections::BTreeMap,
    panic::resume_unwind,
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    body::{Body, to_bytes},
    response::Response,
    routing::MethodRouter,
};
use futures_util::{FutureExt, future::BoxFuture};
use http::{Request, StatusCode};
use hydra_contract::{Contract, ImportContract};
use hydra_runtime_net::fragment_source::Caller;
use hydra_runtime_net::observe::{self, RequestRecord};
use hydra_runtime_wire::{Attributes, Outcome, call_chain, freshness};
use serde_json::Value;
use tera::Context;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::JoinSet,
};
use tower::ServiceExt;

use super::{
    forms::Forms,
    fragment::{Imports, ImportsRefused, PendingFragment},
    unfit_imports,
};
use crate::{
    fragment_source::{LocalAnswer, LocalCall, LocalError, LocalFragments},
    limits::MAX_HANDLER_REASON_BYTES,
    overview::PublishedOverview,
    session::SessionManager,
    user::{RequestLogin, ServiceKeys},
};

/// The handlers of the fragments.
pub(crate) struct Handlers {
    /// By `ref`.
    routes: BTreeMap<&'static str, MethodRouter>,
    /// The imports of each fragment, by `ref`.
    imports: BTreeMap<String, Arc<BTreeMap<String, ImportContract>>>,
    /// This service.
    service: String,
    forms: Arc<Forms>,
    overview: PublishedOverview,
    sessions: Arc<SessionManager>,
    keys: Arc<ServiceKeys>,
}

impl Handlers {
    pub(crate) fn new(
        routes: BTreeMap<&'static str, MethodRouter>,
        contract: &Contract,
        forms: Arc<Forms>,
        overview: PublishedOverview,
        sessions: Arc<SessionManager>,
        keys: Arc<ServiceKeys>,
    ) -> Self {
        let fragments = contract.fragments.iter();
        let imports =
            fragments.map(|(reference, fragment)| (reference.clone(), Arc::new(fragment.imports.clone())));
        Self {
            routes,
            imports: imports.collect(),
            service: contract.service.clone(),
            forms,
            overview,
            sessions,
            keys,
        }
    }

    /// Whether the page of `caller` belongs to another service.
    fn is_elsewhere(&self, caller: &Caller) -> bool {
        let page = caller.call_chain.first();
        page.is_some_and(|page| *page != call_chain::page_step(&self.service))
    }
}

/// The imports, with the defaults of those that are missing.
pub(super) fn complete(contract: &BTreeMap<String, ImportContract>, mut imports: Attributes) -> Attributes {
    for (name, import) in contract {
        let Some(default) = &import.default else {
            continue;
        };
        if imports.get(name).is_none_or(Value::is_null) {
            imports.insert(name.clone(), default.clone());
        }
    }
    imports
}

impl LocalFragments for Handlers {
    fn call(&self, call: LocalCall) -> BoxFuture<'static, Result<LocalAnswer, LocalError>> {
        let handler = self.routes.get(call.reference.as_str()).cloned();
        let form = self
            .forms
            .value(&call.reference, &call.imports, call.form.as_deref());
        let contract = self.imports.get(&call.reference).cloned();
        let imports = match &contract {
            Some(contract) => complete(contract, call.imports),
            None => call.imports,
        };
        let overview = self.overview.clone();
        let login = RequestLogin::of_page(self.keys.clone());
        let request_sessions =
            self.sessions
                .request_of_page(call.session, self.is_elsewhere(&call.caller), SystemTime::now());
        async move {
            let form = form.transpose().map_err(failed)?;
            let Some(handler) = handler else {
                // A template that uses only its imports needs no handler.
                return answer(&imports, Attributes::new(), &[], form);
            };
            let imports = Arc::new(imports);
            let mut request = Request::new(Body::empty());
            *request.headers_mut() = call.caller.headers;
            let record = call.caller.record;
            if let Some(record) = &record {
                record.trace().write_to(request.headers_mut());
            }
            request.extensions_mut().insert(Imports(imports.clone()));
            request.extensions_mut().insert(overview);
            request.extensions_mut().insert(login);
            request.extensions_mut().insert(request_sessions.clone());
            let Some(Ok(mut response)) = apart(record, handler.oneshot(request)).await else {
                return Err(failed("the application is stopping".to_owned()));
            };
            let Some(pending) = response.extensions_mut().remove::<PendingFragment>() else {
                if response.extensions().get::<ImportsRefused>().is_some()
                    && let Some(reason) =
                        contract.and_then(|contract| unfit_imports::reason(&contract, &imports))
                {
                    return Err(failed(reason));
                }
                return Err(refusal(response).await);
            };
            let max_age = freshness::left(response.headers(), SystemTime::now(), Duration::ZERO);
            match pending.attributes {
                Ok(attributes) => {
                    let answer = answer(&imports, attributes, pending.exports, form)?;
                    Ok(LocalAnswer {
                        session: request_sessions.take_own_change(),
                        max_age,
                        ..answer
                    })
                }
                Err(reason) => Err(failed(format!("its attributes can't be serialised: {reason}"))),
            }
        }
        .boxed()
    }
}

/// Runs a handler in a task of its own where there are several threads, so that a handler that blocks its thread delays
/// neither its page nor other fragments. Dropping the future ends the task at its next `await`. A panic continues in
/// the caller. `None`: the task was cancelled.
async fn apart<F>(record: Option<Arc<RequestRecord>>, handler: F) -> Option<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    if Handle::current().runtime_flavor() != RuntimeFlavor::MultiThread {
        return Some(handler.await);
    }
    let mut alone = JoinSet::new();
    match record {
        Some(record) => alone.spawn(observe::scope(record, handler)),
        None => alone.spawn(handler),
    };
    match alone.join_next().await? {
        Ok(output) => Some(output),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => None,
        },
    }
}

/// The answer for the engine: the imports, the attributes of the handler, which replace imports of the same name, and the value
/// `form` of a fragment with a form.
fn answer(
    imports: &Attributes,
    attributes: Attributes,
    exported: &[&str],
    form: Option<Value>,
) -> Result<LocalAnswer, LocalError> {
    // Tera has no hyphens in names: an underscore stands for each.
    let spelled = |name: &str| name.replace('-', "_");
    let mut all: Attributes = imports
        .iter()
        .map(|(name, value)| (spelled(name), value.clone()))
        .collect();
    all.extend(
        attributes
            .into_iter()
            .map(|(name, value)| (spelled(&name), value)),
    );
    if let Some(form) = form {
        all.insert("form".to_owned(), form);
    }
    let context = Context::from_serialize(&all).map_err(|error| failed(error.to_string()))?;
    let exports = exported
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), all.remove(&spelled(name))?)));
    let exports = exports.collect();
    Ok(LocalAnswer {
        context,
        exports,
        ..LocalAnswer::default()
    })
}

fn failed(reason: String) -> LocalError {
    LocalError {
        outcome: Outcome::Failed,
        reason,
    }
}

/// The error for a response that is not a fragment.
async fn refusal(response: Response) -> LocalError {
    let outcome = match response.status() {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Outcome::Refused,
        _ => Outcome::Failed,
    };
    let reason = reason_of(response).await;
    LocalError { outcome, reason }
}

/// Why a handler gave no result, as its response says.
pub(super) async fn reason_of(response: Response) -> String {
    let status = response.status();
    let text = to_bytes(response.into_body(), MAX_HANDLER_REASON_BYTES)
        .await
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    match text.trim() {
        "" => format!("its handler answered {status}"),
        text => format!("its handler answered {status}: {text}"),
    }
}
