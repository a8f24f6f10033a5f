//! Runs the actions of forms with what visitors sent (protocol section 9).

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{body::Body, response::Response};
use futures_util::FutureExt as _;
use http::{
    HeaderMap, Method, Request, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use hydra_runtime_net::{
    fragment_source::Caller,
    observe::{self, ActionOutcome, ActionRecord},
};
use hydra_runtime_wire::forms::{FormFailure, InvalidForm, imports_hash};
use tower::ServiceExt as _;

use super::{
    context::{RenderContext, travelling},
    forms::Actions,
    fragment::{Imports, ImportsRefused},
    fragment_handlers::{complete, reason_of},
    measured_action::Measured,
    shared_body::SharedBody,
};
use crate::{
    form::{Done, FormState, NothingDone, PendingAction, SealedForm, SentForm},
    page::FragmentCall,
    session::RequestSessions,
    user::RequestLogin,
};

/// The result of an action.
pub(crate) enum ActionEnd {
    /// The action is done.
    Done { form: SealedForm, done: Done },
    /// The visitor sees the form again.
    Invalid(Box<InvalidForm>),
    /// There is no answer for the visitor.
    Failed {
        status: StatusCode,
        /// Whether the action itself answered with this status, which is of the class 4xx then.
        is_own: bool,
        /// For logs.
        reason: String,
    },
}

impl ActionEnd {
    fn outcome(&self) -> ActionOutcome {
        match self {
            Self::Done { .. } => ActionOutcome::Done,
            Self::Invalid(_) => ActionOutcome::Invalid,
            Self::Failed { status, is_own, .. } => FormFailure::of_owner(*status, *is_own).into(),
        }
    }
}

/// Runs the action that `seal` names with what a visitor sent, and tells it in the record of the request. All of `body` has been
/// read then.
pub(crate) async fn run(
    context: &RenderContext,
    seal: &str,
    headers: &HeaderMap,
    body: Body,
    sessions: Arc<RequestSessions>,
) -> (ActionEnd, ActionRecord) {
    let form = context.actions.open(seal);
    let measured = Measured::begin(context, form.as_ref());
    let body = SharedBody::new(body);
    let end = run_with(context, form, headers, body.clone(), sessions).await;
    let record = measured.end(end.outcome());
    body.discard().await;
    (end, record)
}

async fn run_with(
    context: &RenderContext,
    form: Option<SealedForm>,
    headers: &HeaderMap,
    body: SharedBody,
    sessions: Arc<RequestSessions>,
) -> ActionEnd {
    let actions = &context.actions;
    let Some(form) = form else {
        let reason = "the address of the form is not one that this service made, or its key has changed";
        return failed(StatusCode::BAD_REQUEST, reason);
    };
    let name = (form.reference.as_str(), form.action.as_str());
    // The map is keyed by texts of the program, which live longer than those of a seal.
    let mut routes = actions.routes.iter().filter(|(key, _)| **key == name);
    let Some(handler) = routes.next().map(|(_, handler)| handler.clone()) else {
        let reason = format!("there is no action `{}` of `{}`", form.action, form.reference);
        return failed(StatusCode::NOT_FOUND, reason);
    };
    let sent = SentForm::new(actions.limits.clone());
    let mut request = request_of(actions, headers, Body::new(body), sessions.clone());
    let contract = context.contract.fragments.get(&form.reference);
    let imports = contract.map(|contract| complete(&contract.imports, form.imports.clone()));
    let imports = Imports(Arc::new(imports.unwrap_or_default()));
    request.extensions_mut().insert(sent.clone());
    request.extensions_mut().insert(imports);
    let handled = AssertUnwindSafe(handler.oneshot(request)).catch_unwind();
    let handled = {
        let (sent, sessions) = (sent.clone(), sessions.clone());
        async move {
            let handled = sent.within(handled).await;
            // Here, since the visitor may have left. That of another page goes back to it with the answer.
            sessions.save_of_known().await;
            match handled {
                Some(Ok(Ok(response))) => Ok(response),
                Some(Err(_)) => Err(unclear("its handler panicked")),
                None if sent.refuse() => Err(failed(
                    StatusCode::REQUEST_TIMEOUT,
                    "the form did not arrive in time",
                )),
                None => Err(unclear("its handler took too long")),
            }
        }
    };
    let handled = actions
        .running
        .run(observe::current(), handled, || sent.refuse())
        .await;
    match handled.unwrap_or_else(|| Err(unclear("the application is stopping"))) {
        Ok(response) => ended(context, form, sent, headers, &sessions, response).await,
        Err(end) => end,
    }
}

/// The request for a handler.
fn request_of(
    actions: &Actions,
    headers: &HeaderMap,
    body: Body,
    sessions: Arc<RequestSessions>,
) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.headers_mut() = travelling(headers);
    let of_body = [CONTENT_TYPE, CONTENT_LENGTH];
    let kept = of_body
        .into_iter()
        .filter_map(|name| Some((headers.get(&name)?.clone(), name)));
    for (value, name) in kept {
        request.headers_mut().insert(name, value);
    }
    if let Some(record) = observe::current() {
        record.trace().write_to(request.headers_mut());
    }
    request.extensions_mut().insert(actions.overview.clone());
    request
        .extensions_mut()
        .insert(RequestLogin::of_page(actions.keys.clone()));
    request.extensions_mut().insert(sessions);
    request
}

fn failed(status: StatusCode, reason: impl Into<String>) -> ActionEnd {
    ActionEnd::Failed {
        status,
        is_own: false,
        reason: reason.into(),
    }
}

/// It is not known what the action did.
fn unclear(reason: &str) -> ActionEnd {
    failed(StatusCode::INTERNAL_SERVER_ERROR, reason)
}

/// What the response of a handler means.
async fn ended(
    context: &RenderContext,
    form: SealedForm,
    sent: SentForm,
    headers: &HeaderMap,
    sessions: &RequestSessions,
    mut response: Response,
) -> ActionEnd {
    match response.extensions_mut().remove::<PendingAction>() {
        Some(PendingAction::Done(done)) => ActionEnd::Done { form, done },
        Some(PendingAction::Invalid { errors, message }) => {
            let state = FormState {
                action: form.action.clone(),
                values: sent.take(),
                errors,
                message,
            };
            shown_again(context, &form, state, headers, sessions).await
        }
        None => {
            let is_uncalled = response.extensions().get::<NothingDone>().is_some();
            let has_bad_imports = response.extensions().get::<ImportsRefused>().is_some();
            let status = match response.status() {
                status if status.is_client_error() || is_uncalled => status,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            // The protocol means the same by these two as handlers do.
            let is_permission = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
            let is_hydras = is_uncalled || has_bad_imports || is_permission;
            ActionEnd::Failed {
                status,
                is_own: status.is_client_error() && !is_hydras,
                reason: reason_of(response).await,
            }
        }
    }
}

/// The form as the visitor filled it in. If the fragment can't be rendered so, it comes without what was typed: what the visitor
/// typed may be the cause.
async fn shown_again(
    context: &RenderContext,
    form: &SealedForm,
    state: FormState,
    headers: &HeaderMap,
    sessions: &RequestSessions,
) -> ActionEnd {
    let empty = FormState {
        action: state.action.clone(),
        errors: state.errors.clone(),
        message: state.message.clone(),
        ..FormState::default()
    };
    if let Ok(invalid) = rendered(context, form, state, headers, sessions).await {
        return ActionEnd::Invalid(Box::new(invalid));
    }
    let (fragment, action) = (&*form.reference, &*form.action);
    // Without the reason, which may quote what was typed.
    tracing::warn!(
        fragment,
        action,
        "a form can't be shown again as it was filled in"
    );
    match rendered(context, form, empty, headers, sessions).await {
        Ok(invalid) => ActionEnd::Invalid(Box::new(invalid)),
        // Nothing was done.
        Err(reason) => failed(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the form can't be shown again: {reason}"),
        ),
    }
}

/// The fragment with the form as it was sent.
async fn rendered(
    context: &RenderContext,
    form: &SealedForm,
    state: FormState,
    headers: &HeaderMap,
    sessions: &RequestSessions,
) -> Result<InvalidForm, String> {
    let contract = context.contract.fragments.get(&form.reference);
    let exports = contract.into_iter().flat_map(|contract| contract.exports.keys());
    let call = FragmentCall {
        reference: form.reference.clone(),
        imports: form.imports.clone(),
        exports: exports.cloned().collect(),
        sessions: sessions.latest().await,
        form: Some(Arc::new(state)),
        caller: Caller {
            headers: travelling(headers),
            record: observe::current(),
            ..Caller::default()
        },
        local: Some(context.local.clone()),
        source: context.source.clone(),
        ..FragmentCall::default()
    };
    let mut answer = context.engine.now().fragment(call).await;
    if let Some(changed) = answer.sessions.remove(&*context.service) {
        sessions.replace_own(changed);
    }
    let fragment = answer.fragment;
    let html = fragment.html.ok_or(fragment.reason.unwrap_or_default())?;
    Ok(InvalidForm {
        reference: form.reference.clone(),
        action: form.action.clone(),
        imports: imports_hash(&form.imports),
        html,
        exports: fragment.exports,
        assets: fragment.assets,
        session: None,
    })
}
