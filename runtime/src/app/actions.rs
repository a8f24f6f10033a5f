//! Runs the actions of forms: whoever is in front of the site passes on what a visitor sent (protocol section 9).

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{body::Body, response::Response, routing::MethodRouter};
use futures_util::FutureExt as _;
use http::{
    HeaderMap, Method, Request, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use hydra_contract::Contract;
use hydra_runtime_net::{fragment_source::Caller, observe};
use hydra_runtime_wire::{
    Attributes,
    forms::{FORM_PARAMETER, InvalidForm, imports_hash},
};
use serde_json::Value;
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::{
    context::{RenderContext, travelling},
    fragment::Imports,
    fragment_handlers::{apart, reason_of},
};
use crate::{
    form::{Done, FormSealer, FormState, FragmentForms, PendingAction, SealedForm, SentForm},
    overview::PublishedOverview,
    page::FragmentCall,
    session::{RequestSessions, SessionManager},
    settings::Settings,
    user::{RequestLogin, ServiceKeys},
};

/// The forms of the fragments, for their templates.
pub(crate) struct Forms {
    /// `None` only where the platform's cryptography fails.
    sealer: Option<FormSealer>,
    /// By `ref`.
    fragments: BTreeMap<String, FragmentForms>,
}

impl Forms {
    /// The forms of a contract. `fields`: what the handlers take, by `ref`.
    pub(crate) fn new<'f>(
        settings: &Settings,
        contract: &Contract,
        fields: impl Iterator<Item = (&'f str, &'f [&'f str])>,
    ) -> Self {
        let of_contract = contract.fragments.iter();
        let forms = of_contract
            .filter_map(|(reference, fragment)| Some((reference.clone(), FragmentForms::of(fragment)?)));
        let mut fragments: BTreeMap<_, _> = forms.collect();
        for (reference, fields) in fields {
            if let Some(forms) = fragments.get_mut(reference) {
                forms.add(fields);
            }
        }
        let sealer = FormSealer::new(
            settings.private_key.as_deref(),
            &settings.name,
            &settings.public_key,
        );
        Self {
            sealer: sealer.map(|sealer| sealer.with_second(settings.second_private_key.as_deref())),
            fragments,
        }
    }

    /// The value `form` for the template of a fragment with these imports, as the page sent them. `None`: the fragment has no
    /// form.
    ///
    /// # Errors
    /// Why the forms have no addresses.
    pub(crate) fn value(
        &self,
        reference: &str,
        imports: &Attributes,
        sent: Option<&FormState>,
    ) -> Option<Result<Value, String>> {
        let forms = self.fragments.get(reference)?;
        let address = |action: &String| -> Result<String, String> {
            let sealer = self.sealer.as_ref().ok_or("the platform's cryptography failed")?;
            let sealed = SealedForm {
                reference: reference.to_owned(),
                action: action.clone(),
                imports: imports.clone(),
            };
            let seal = sealer.seal(&sealed).map_err(|error| error.to_string())?;
            Ok(format!("?{FORM_PARAMETER}={seal}"))
        };
        let addresses = forms
            .actions
            .iter()
            .map(|action| Ok((action.as_str(), address(action)?)));
        let addresses: Result<BTreeMap<_, _>, String> = addresses.collect();
        Some(addresses.map(|addresses| forms.value(&addresses, sent)))
    }
}

/// The handlers of the actions, and what they need.
pub(crate) struct Actions {
    /// By the names of the fragment and the action.
    pub(crate) routes: BTreeMap<(&'static str, &'static str), MethodRouter>,
    pub(crate) forms: Arc<Forms>,
    pub(crate) overview: PublishedOverview,
    pub(crate) sessions: Arc<SessionManager>,
    pub(crate) keys: Arc<ServiceKeys>,
    /// The most bytes of a form.
    pub(crate) limit: usize,
    /// How long an action may take, the arrival of the form included.
    pub(crate) timeout: Duration,
}

/// What came of a form.
pub(super) enum ActionEnd {
    /// The action is done.
    Done { form: SealedForm, done: Done },
    /// The visitor sees the form again.
    Invalid(Box<InvalidForm>),
    /// There is no answer for the visitor. The reason is for logs.
    Failed(StatusCode, String),
}

impl Actions {
    /// The sessions of a form that comes from whoever is in front. None come along, and none go back.
    pub(super) fn no_sessions(&self) -> Arc<RequestSessions> {
        self.sessions.request_of_page(None, true, SystemTime::now())
    }

    /// The request for a handler.
    fn request(&self, headers: &HeaderMap, body: Body, sessions: Arc<RequestSessions>) -> Request<Body> {
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
        request.extensions_mut().insert(self.overview.clone());
        request
            .extensions_mut()
            .insert(RequestLogin::of_page(self.keys.clone()));
        request.extensions_mut().insert(sessions);
        request
    }
}

/// Runs the action that `seal` names with what a visitor sent.
pub(super) async fn run(
    context: &RenderContext,
    seal: &str,
    headers: &HeaderMap,
    body: Body,
    sessions: Arc<RequestSessions>,
) -> ActionEnd {
    let actions = &context.actions;
    let sealer = actions.forms.sealer.as_ref();
    let Some(form) = sealer.and_then(|sealer| sealer.open(seal)) else {
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
    let sent = SentForm::new(actions.limit);
    let mut request = actions.request(headers, body, sessions);
    request.extensions_mut().insert(sent.clone());
    request
        .extensions_mut()
        .insert(Imports(Arc::new(form.imports.clone())));
    let handled = apart(observe::current(), handler.oneshot(request));
    let handled = timeout(actions.timeout, AssertUnwindSafe(handled).catch_unwind()).await;
    let response = match handled {
        Ok(Ok(Some(Ok(response)))) => response,
        Ok(Ok(_)) => return failed("the application is stopping"),
        Ok(Err(_)) => return failed("its handler panicked"),
        Err(_) => return failed("its handler took too long"),
    };
    ended(context, form, sent, headers, response).await
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
            match rendered(context, &form, state, headers).await {
                Ok(invalid) => ActionEnd::Invalid(Box::new(invalid)),
                Err(reason) => failed(&format!("the form can't be shown again: {reason}")),
            }
        }
        None => {
            let status = match response.status() {
                status if status.is_client_error() => status,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            ActionEnd::Failed(status, reason_of(response).await)
        }
    }
}

/// The fragment with the form as it was sent.
async fn rendered(
    context: &RenderContext,
    form: &SealedForm,
    state: FormState,
    headers: &HeaderMap,
) -> Result<InvalidForm, String> {
    let contract = context.contract.fragments.get(&form.reference);
    let exports = contract.into_iter().flat_map(|contract| contract.exports.keys());
    let call = FragmentCall {
        reference: form.reference.clone(),
        imports: form.imports.clone(),
        exports: exports.cloned().collect(),
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
    let fragment = context.engine.now().fragment(call).await.fragment;
    let html = fragment.html.ok_or(fragment.reason.unwrap_or_default())?;
    Ok(InvalidForm {
        reference: form.reference.clone(),
        action: form.action.clone(),
        imports: imports_hash(&form.imports),
        html,
        exports: fragment.exports,
        assets: fragment.assets,
    })
}
