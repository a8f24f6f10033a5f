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
use hydra_runtime_wire::{
    forms::{InvalidForm, imports_hash},
    lines::cut,
};
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
    /// There is no answer for the visitor. The reason is for logs.
    Failed(StatusCode, String),
    /// The action itself refuses the form, with a status of the class 4xx. The reason is for logs.
    Refused(StatusCode, String),
}

impl ActionEnd {
    fn outcome(&self) -> ActionOutcome {
        match self {
            Self::Done { .. } => ActionOutcome::Done,
            Self::Invalid(_) => ActionOutcome::Invalid,
            Self::Refused(..) => ActionOutcome::Refused,
            Self::Failed(status, _) => ActionOutcome::of_failure(*status),
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
        return ActionEnd::Failed(StatusCode::BAD_REQUEST, reason.to_owned());
    };
    let name = (form.reference.as_str(), form.action.as_str());
    // The map is keyed by texts of the program, which live longer than those of a seal.
    let mut routes = actions.routes.iter().filter(|(key, _)| **key == name);
    let Some(handler) = routes.next().map(|(_, handler)| handler.clone()) else {
        let reason = format!("there is no action `{}` of `{}`", form.action, form.reference);
        return ActionEnd::Failed(StatusCode::NOT_FOUND, reason);
    };
    let sent = SentForm::new(actions.limits.clone());
    let mut request = request_of(actions, headers, Body::new(body), sessions.clone());
    let contract = context.contract.fragments.get(&form.reference);
    let imports = contract.map(|contract| complete(&contract.imports, form.imports.clone()));
    let imports = Imports(Arc::new(imports.unwrap_or_default()));
    request.extensions_mut().insert(sent.clone());
    request.extensions_mut().insert(imports);
    let handled = AssertUnwindSafe(handler.oneshot(request)).catch_unwind();
    let in_time = {
        let sent = sent.clone();
        async move { sent.within(handled).await }
    };
    let response = match actions
        .running
        .run(observe::current(), in_time, || sent.refuse())
        .await
    {
        Some(Some(Ok(Ok(response)))) => response,
        Some(Some(Err(_))) => return failed("its handler panicked"),
        None => return failed("the application is stopping"),
        Some(None) if sent.refuse() => {
            let reason = "the form did not arrive in time";
            return ActionEnd::Failed(StatusCode::REQUEST_TIMEOUT, reason.to_owned());
        }
        Some(None) => return failed("its handler took too long"),
    };
    ended(context, form, sent, headers, &sessions, response).await
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

fn failed(reason: &str) -> ActionEnd {
    ActionEnd::Failed(StatusCode::INTERNAL_SERVER_ERROR, reason.to_owned())
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
            let is_own = !is_of_hydra(&response);
            let is_unhandled = response.extensions().get::<NothingDone>().is_some();
            let status = response.status();
            let reason = reason_of(response).await;
            match status.is_client_error() {
                true if is_own => ActionEnd::Refused(status, reason),
                true => ActionEnd::Failed(status, reason),
                false if is_unhandled => ActionEnd::Failed(status, reason),
                false => failed(&reason),
            }
        }
    }
}

/// Whether a response without a result says that the handler was not called, or that the visitor may not call it.
fn is_of_hydra(response: &Response) -> bool {
    let extensions = response.extensions();
    extensions.get::<NothingDone>().is_some()
        || extensions.get::<ImportsRefused>().is_some()
        || [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&response.status())
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
    let reason = match rendered(context, form, state, headers, sessions).await {
        Ok(invalid) => return ActionEnd::Invalid(Box::new(invalid)),
        Err(reason) => reason,
    };
    let (fragment, action) = (&*form.reference, &*form.action);
    tracing::warn!(
        fragment,
        action,
        reason = cut(&reason),
        "a form can't be shown again as it was filled in"
    );
    match rendered(context, form, empty, headers, sessions).await {
        Ok(invalid) => ActionEnd::Invalid(Box::new(invalid)),
        // Nothing was done.
        Err(reason) => ActionEnd::Failed(
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
