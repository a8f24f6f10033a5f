//! Runs the actions of forms with what visitors sent (protocol section 9).

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc};

use axum::{body::Body, response::Response, routing::MethodRouter};
use futures_util::FutureExt as _;
use http::{
    HeaderMap, Method, Request, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
    request::Parts,
};
use hydra_runtime_net::{
    fragment_source::Caller,
    observe::{self, ActionOutcome, ActionRecord},
};
use hydra_runtime_wire::{
    forms::{FormFailure, InvalidForm, imports_hash},
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
    /// The action failed, so the visitor gets an error page.
    Failed(FailedAction),
}

impl ActionEnd {
    fn outcome(&self) -> ActionOutcome {
        match self {
            Self::Done { .. } => ActionOutcome::Done,
            Self::Invalid(_) => ActionOutcome::Invalid,
            Self::Failed(failed) => failed.failure().into(),
        }
    }
}

/// An action without an answer for the visitor.
pub(crate) struct FailedAction {
    pub(crate) status: StatusCode,
    /// Whether the action itself answered with this status, which is of the class 4xx then.
    pub(crate) is_own: bool,
    /// For logs.
    pub(crate) reason: String,
}

impl FailedAction {
    fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self {
            status,
            is_own: false,
            reason: reason.into(),
        }
    }

    /// It is not known what the action did.
    fn unclear(reason: &str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, reason)
    }

    /// What the visitor reads.
    pub(super) fn failure(&self) -> FormFailure {
        FormFailure::of_owner(self.status, self.is_own)
    }
}

/// The result of a handler.
pub(super) enum Handled {
    /// The action is done.
    Done(Done),
    /// What was sent can't be used.
    Invalid(FormState),
    /// The action failed, so the visitor gets an error page.
    Failed(FailedAction),
}

impl Handled {
    fn outcome(&self) -> ActionOutcome {
        match self {
            Self::Done(_) => ActionOutcome::Done,
            Self::Invalid(_) => ActionOutcome::Invalid,
            Self::Failed(failed) => failed.failure().into(),
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
    let names = form.as_ref().map(|form| (&*form.reference, &*form.action));
    let measured = Measured::begin(context, names);
    let body = SharedBody::new(body);
    let end = run_with(context, form, headers, body.clone(), sessions).await;
    let record = measured.end(end.outcome());
    body.discard().await;
    (end, record)
}

/// Runs the action of a page's own form as [`run`] does. `sent`: the visitor's request, as one for the page.
pub(super) async fn run_of_page(
    context: &RenderContext,
    action: &str,
    sent: &Parts,
    body: Body,
) -> (Handled, ActionRecord) {
    let measured = Measured::begin(context, Some(("", action)));
    let body = SharedBody::new(body);
    let handled = match handler(&context.actions, "", action) {
        Some(handler) => {
            let mut request = Request::new(Body::new(body.clone()));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = sent.uri.clone();
            *request.headers_mut() = sent.headers.clone();
            *request.extensions_mut() = sent.extensions.clone();
            handle(&context.actions, handler, action, request).await
        }
        // An older or newer version of the application made the page.
        None => Handled::Failed(FailedAction::new(
            StatusCode::NOT_FOUND,
            format!("there is no action `{}` of a page", cut(action)),
        )),
    };
    let record = measured.end(handled.outcome());
    body.discard().await;
    (handled, record)
}

/// The handler of an action. `reference`: empty for a form of a page.
fn handler(actions: &Actions, reference: &str, action: &str) -> Option<MethodRouter> {
    // The texts in its keys are those of the program, which live longer than those of a request.
    let routes: &BTreeMap<(&str, &str), _> = &actions.routes;
    routes.get(&(reference, action)).cloned()
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
        return ActionEnd::Failed(FailedAction::new(StatusCode::BAD_REQUEST, reason));
    };
    let Some(handler) = handler(actions, &form.reference, &form.action) else {
        let reason = format!("there is no action `{}` of `{}`", form.action, form.reference);
        return ActionEnd::Failed(FailedAction::new(StatusCode::NOT_FOUND, reason));
    };
    let mut request = request_of(actions, headers, Body::new(body), sessions.clone());
    let contract = context.contract.fragments.get(&form.reference);
    let imports = contract.map(|contract| complete(&contract.imports, form.imports.clone()));
    let imports = Imports(Arc::new(imports.unwrap_or_default()));
    request.extensions_mut().insert(imports);
    match handle(actions, handler, &form.action, request).await {
        Handled::Done(done) => ActionEnd::Done { form, done },
        Handled::Invalid(state) => shown_again(context, &form, state, headers, &sessions).await,
        Handled::Failed(failed) => ActionEnd::Failed(failed),
    }
}

/// Calls the handler of an action, in the time that it has. It goes on if the visitor leaves.
async fn handle(
    actions: &Actions,
    handler: MethodRouter,
    action: &str,
    mut request: Request<Body>,
) -> Handled {
    let sent = SentForm::new(actions.limits.clone());
    request.extensions_mut().insert(sent.clone());
    let sessions = request.extensions().get::<Arc<RequestSessions>>().cloned();
    let handled = AssertUnwindSafe(handler.oneshot(request)).catch_unwind();
    let handled = {
        let sent = sent.clone();
        async move {
            let handled = sent.within(handled).await;
            // Here, since the visitor may have left. That of another page goes back to it with the answer.
            if let Some(sessions) = sessions {
                sessions.save_of_known().await;
            }
            match handled {
                Some(Ok(Ok(response))) => Ok(response),
                Some(Err(_)) => Err(FailedAction::unclear("its handler panicked")),
                None if sent.refuse() => Err(FailedAction::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "the form did not arrive in time",
                )),
                None => Err(FailedAction::unclear("its handler took too long")),
            }
        }
    };
    let handled = actions
        .running
        .run(observe::current(), handled, || sent.refuse())
        .await;
    match handled.unwrap_or_else(|| Err(FailedAction::unclear("the application is stopping"))) {
        Ok(response) => ended(action, &sent, response).await,
        Err(failed) => Handled::Failed(failed),
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

/// What the response of a handler means.
async fn ended(action: &str, sent: &SentForm, mut response: Response) -> Handled {
    match response.extensions_mut().remove::<PendingAction>() {
        Some(PendingAction::Done(done)) => Handled::Done(done),
        Some(PendingAction::Invalid { errors, message }) => Handled::Invalid(FormState {
            action: action.to_owned(),
            values: sent.take(),
            errors,
            message,
        }),
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
            Handled::Failed(FailedAction {
                status,
                is_own: status.is_client_error() && !is_hydras,
                reason: reason_of(response).await,
            })
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
    let empty = state.emptied();
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
        Err(reason) => ActionEnd::Failed(FailedAction::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the form can't be shown again: {reason}"),
        )),
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
