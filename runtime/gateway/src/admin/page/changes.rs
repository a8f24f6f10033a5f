//! What operators change on their page: they send a form, and confirm it on a page of its own.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use axum::{
    body::Body,
    extract::{Form, FromRequest, State},
    response::Response,
};
use http::{HeaderMap, Request, StatusCode, request::Parts};
use hydra_runtime_net::bodies::read;
use serde::Serialize;
use tera::Context;

use super::{
    Site, answers,
    form::{self, Fields, field},
    view::{self, link},
};
use crate::{
    BadChange, ServiceState, SteeringRequest,
    limits::MAX_CHANGE_BYTES,
    operators::{Access, is_from_own_page},
    stated_weights::{SharingRule, StatedWeights},
    steer::Foreseen,
};

/// What a page says after a change.
const NOTICES: [(&str, &str); 5] = [
    (
        "weights",
        "The weights are changed, on all gateways of this installation within a second.",
    ),
    ("cleared", "The weights that operators stated are taken back."),
    (
        "drained",
        "The drain has begun: no new visitors, and requests under way end.",
    ),
    ("undrained", "The drain has ended."),
    ("signed-in", "You are signed in."),
];

/// A change that waits for its confirmation.
#[derive(Debug, Serialize)]
struct Confirmation {
    title: String,
    /// What happens, in a sentence.
    text: String,
    fields: Fields,
    /// The state on which the operator decides.
    seen: String,
    versions: Vec<VersionChange>,
    /// Whether no visitor gets the service afterwards.
    is_closed: bool,
    is_changed_meanwhile: bool,
    /// For the beginning of a drain: how long visitors stay meanwhile, as the operator wrote it.
    after: Option<String>,
    cancel: String,
}

/// The share of a version before and after a change.
#[derive(Debug, Serialize)]
struct VersionChange {
    name: String,
    now: String,
    then: String,
    instances: usize,
    differs: bool,
}

/// The text for a name in an address. Unknown names have none.
pub(super) fn notice(name: &str) -> Option<&'static str> {
    NOTICES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

/// Shows what a change would do. It changes nothing.
pub(super) async fn change(State(site): State<Arc<Site>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let asked = operators_form(&site, &parts, body).await;
    let confirmation = asked.and_then(|(fields, access)| {
        let request = form::request(&fields).map_err(|reason| (StatusCode::BAD_REQUEST, reason))?;
        Ok((confirmation(&site, request, false)?, access))
    });
    match confirmation {
        Ok((confirmation, access)) => shown(&site, StatusCode::OK, confirmation, &access),
        Err((status, reason)) => refused(&site, &parts.headers, status, &reason).await,
    }
}

/// Makes a change that was confirmed, if the state is still the one that the operator saw.
pub(super) async fn confirm(State(site): State<Arc<Site>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let made = async {
        let (fields, access) = operators_form(&site, &parts, body).await?;
        let request = form::request(&fields).map_err(|reason| (StatusCode::BAD_REQUEST, reason))?;
        let again = confirmation(&site, request.clone(), true)?;
        if again.seen != field(&fields, "seen") {
            return Ok(shown(&site, StatusCode::CONFLICT, again, &access));
        }
        let place = place_after(&again, &request);
        site.gateway.steer(request).await.map_err(|bad| refusal(&bad))?;
        Ok(answers::see(&place, None))
    };
    let made: Result<Response, Refusal> = made.await;
    match made {
        Ok(response) => response,
        Err((status, reason)) => refused(&site, &parts.headers, status, &reason).await,
    }
}

/// Why a form is refused.
pub(super) type Refusal = (StatusCode, String);

/// The fields of a form that a page of this listener sent.
pub(super) async fn own_form(parts: &Parts, body: Body) -> Result<Fields, Refusal> {
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    if !is_from_own_page(&parts.headers, authority) {
        let reason = "The request does not come from a page of this address. Programs use the API.";
        return Err((StatusCode::FORBIDDEN, reason.to_owned()));
    }
    let body = read(body, MAX_CHANGE_BYTES)
        .await
        .map_err(|bad| (bad.status(), format!("The form can't be used: {bad}.")))?;
    let mut request = Request::new(Body::from(body));
    request.headers_mut().clone_from(&parts.headers);
    request.method_mut().clone_from(&parts.method);
    let form = Form::<Fields>::from_request(request, &()).await;
    let unreadable = |_| (StatusCode::BAD_REQUEST, "The form can't be read.".to_owned());
    form.map(|Form(fields)| fields).map_err(unreadable)
}

/// The same of a form that an operator who is signed in sent.
pub(super) async fn operators_form(
    site: &Site,
    parts: &Parts,
    body: Body,
) -> Result<(Fields, Access), Refusal> {
    let fields = own_form(parts, body).await?;
    let access = site.access(&parts.headers).await;
    match &access {
        Access::ReadOnly => {
            let reason = "Nothing can be changed: the gateway has no `admin_token`.";
            Err((StatusCode::FORBIDDEN, reason.to_owned()))
        }
        Access::SignedOut => Err((
            StatusCode::UNAUTHORIZED,
            "Sign in first: your session has ended.".to_owned(),
        )),
        Access::SignedIn(session) if session.is_form(field(&fields, "key")) => Ok((fields, access)),
        Access::SignedIn(_) => {
            let reason = "The form belongs to an earlier session. Go back, reload the page and try again.";
            Err((StatusCode::FORBIDDEN, reason.to_owned()))
        }
    }
}

fn refusal(bad: &BadChange) -> Refusal {
    let status = match bad {
        BadChange::UnknownService(_) | BadChange::UnknownTarget(_) => StatusCode::NOT_FOUND,
        BadChange::Ambiguous { .. } => StatusCode::CONFLICT,
        BadChange::Refused(_) => StatusCode::BAD_REQUEST,
        BadChange::NotKept(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, format!("The change was not made: {bad}."))
}

fn confirmation(site: &Site, request: SteeringRequest, is_second: bool) -> Result<Confirmation, Refusal> {
    let foreseen = site
        .gateway
        .foresee(request.clone())
        .map_err(|bad| refusal(&bad))?;
    let (title, text) = words(&request);
    let state = foreseen.as_ref().map(|foreseen| &foreseen.now);
    let cancel = match state {
        Some(state) => link("/service", &[("name", &state.service)]),
        None => "/".to_owned(),
    };
    let (after, fields): (Vec<_>, Vec<_>) = form::fields(&request)
        .into_iter()
        .partition(|(name, _)| name == form::AFTER);
    let is_drain = matches!(request, SteeringRequest::Drain { .. });
    Ok(Confirmation {
        title,
        text: text.to_owned(),
        fields,
        after: is_drain.then(|| after.into_iter().next().unwrap_or_default().1),
        seen: seen(state),
        versions: foreseen.as_ref().map(versions).unwrap_or_default(),
        is_closed: foreseen.is_some_and(|foreseen| is_closed(&foreseen.then)),
        is_changed_meanwhile: is_second,
        cancel,
    })
}

fn words(request: &SteeringRequest) -> (String, &'static str) {
    match request {
        SteeringRequest::Weights {
            service,
            weights: StatedWeights::Rule(SharingRule::Newest),
        } => (
            format!("Give all visitors of {service} the newest version?"),
            "This also holds for versions that are started later: each of them gets all visitors at once.",
        ),
        SteeringRequest::Weights { service, .. } => (
            format!("Change the weights of {service}?"),
            "Visitors are shared anew among the versions. Only those move who must.",
        ),
        SteeringRequest::ClearWeights { service } => (
            format!("Take back the weights of {service}?"),
            "The weights of the configuration count again, or else those that the instances state.",
        ),
        SteeringRequest::Drain { target, .. } => (
            format!("Drain {target}?"),
            "It gets no new visitors. Requests under way end. Visitors that stay with an instance keep it until they leave.",
        ),
        SteeringRequest::EndDrain { target } => {
            (format!("End the drain of {target}?"), "It gets visitors again.")
        }
    }
}

/// A mark of what an operator sees of a service.
fn seen(state: Option<&ServiceState>) -> String {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(&state)
        .unwrap_or_default()
        .hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn is_closed(state: &ServiceState) -> bool {
    state.drained || state.versions.iter().all(|version| version.share == 0.0)
}

fn versions(foreseen: &Foreseen) -> Vec<VersionChange> {
    let share = |state: &ServiceState, name: &str| {
        let found = state.versions.iter().find(|version| version.version == name);
        let share = found
            .filter(|_| !state.drained)
            .map_or(0.0, |version| version.share);
        view::percent(share)
    };
    let versions = foreseen.then.versions.iter().rev();
    versions
        .map(|version| {
            let (now, then) = (
                share(&foreseen.now, &version.version),
                share(&foreseen.then, &version.version),
            );
            VersionChange {
                name: version.version.clone(),
                differs: now != then,
                now,
                then,
                instances: version.instances.len(),
            }
        })
        .collect()
}

/// Where the operator sees what a change has brought about.
fn place_after(confirmation: &Confirmation, request: &SteeringRequest) -> String {
    let done = match request {
        SteeringRequest::Weights { .. } => "weights",
        SteeringRequest::ClearWeights { .. } => "cleared",
        SteeringRequest::Drain { .. } => "drained",
        SteeringRequest::EndDrain { .. } => "undrained",
    };
    let mark = if confirmation.cancel.contains('?') {
        '&'
    } else {
        '?'
    };
    format!("{}{mark}done={done}", confirmation.cancel)
}

pub(super) fn framed(site: &Site, context: &mut Context, title: &str, access: &Access) {
    let tab = ("services", title.to_owned());
    view::add_frame_named(context, tab, "/", &site.gateway, site.around(access, None));
}

fn shown(site: &Site, status: StatusCode, confirmation: Confirmation, access: &Access) -> Response {
    let mut context = Context::new();
    framed(site, &mut context, &confirmation.title, access);
    context.insert("confirmation", &Some(confirmation));
    context.insert("error", &None::<&str>);
    let (status, text) = site.render(status, "confirm.html", &context);
    answers::html(status, text)
}

/// A page that says why nothing was changed.
pub(super) async fn refused(site: &Site, headers: &HeaderMap, status: StatusCode, reason: &str) -> Response {
    let access = site.access(headers).await;
    let mut context = Context::new();
    framed(site, &mut context, "Nothing was changed", &access);
    context.insert("confirmation", &None::<Confirmation>);
    context.insert("error", &Some(reason));
    let (status, text) = site.render(status, "confirm.html", &context);
    answers::html(status, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_notices_are_shown() {
        assert!(notice("weights").is_some());
        for name in ["", "x", "<b>", "WEIGHTS"] {
            assert_eq!(notice(name), None);
        }
    }
}
