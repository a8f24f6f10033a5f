//! The responses to forms that visitors send to this application: where they lead, or that they have no answer.

use std::{panic::AssertUnwindSafe, sync::Arc, time::SystemTime};

use axum::{
    Extension, Router,
    body::Body,
    extract::{MatchedPath, OriginalUri, Request},
    response::{IntoResponse, Response},
    routing,
};
use futures_util::FutureExt as _;
use http::{
    Extensions, HeaderValue, Method, StatusCode, Uri,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER},
    request::Parts,
    uri::PathAndQuery,
};
use hydra_runtime_net::observe::{ActionMeasures, ActionRecord};
use hydra_runtime_wire::{
    forms::{
        FormFailure,
        page::{at_anchor, is_like_host},
    },
    lines::cut,
    signing::seconds,
};
use tower::ServiceExt as _;

use super::{actions::FailedAction, context::RenderContext};
use crate::form::Done;

/// What an application needs to take forms of visitors.
pub(super) struct Front {
    pub(super) context: Arc<RenderContext>,
    /// The pages, without this layer.
    pub(super) routes: Router,
    pub(super) measures: ActionMeasures,
}

impl Front {
    pub(super) fn count(&self, record: &ActionRecord) {
        let names = [&*record.service, &record.reference, &record.action];
        self.measures.count(names, record.outcome, record.time);
    }
}

/// The end of an action, for tests: an extension of the response.
#[derive(Clone)]
#[cfg_attr(not(feature = "testing"), expect(dead_code))]
pub(crate) enum EndedAction {
    Done(Done),
    /// Why there is no answer.
    Failed(Arc<str>),
}

/// Leads a visitor on whose form is done.
pub(super) fn done_with(front: &Front, done: &Done, page: &PathAndQuery, is_secure: bool) -> Response {
    let mut response = led(done, page);
    let now = seconds(SystemTime::now());
    let cookies = &front.context.actions.sent_cookies;
    cookies.add_to(response.headers_mut(), is_secure, now);
    response.extensions_mut().insert(EndedAction::Done(done.clone()));
    response
}

/// The response to a form whose action has no answer.
pub(super) fn failed_action(action: &FailedAction) -> Response {
    tracing::warn!(status = %action.status, reason = cut(&action.reason), "a form is refused");
    let mut response = failed(action.failure());
    let ended = EndedAction::Failed(action.reason.as_str().into());
    response.extensions_mut().insert(ended);
    response
}

/// The response to a form that has no answer. An outer layer adds the words.
pub(super) fn failed(failure: FormFailure) -> Response {
    let status = match failure {
        // There is no other server behind this one.
        FormFailure::Unclear => StatusCode::INTERNAL_SERVER_ERROR,
        // This application has no login page of its own.
        FormFailure::Login => StatusCode::UNAUTHORIZED,
        other => other.status(),
    };
    let mut response = (status, Extension(failure)).into_response();
    if failure == FormFailure::Unsent {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

/// What handles the page of a form that was sent makes the page for its visitor. `sent`: the request that sent the form. What layers added
/// to it is kept.
pub(super) async fn made_again(front: &Front, sent: Parts, page: &PathAndQuery) -> Response {
    let mut again = Request::from_parts(sent, Body::empty());
    *again.method_mut() = Method::GET;
    *again.uri_mut() = Uri::from(page.clone());
    for name in [CONTENT_TYPE, CONTENT_LENGTH] {
        again.headers_mut().remove(name);
    }
    forget_route(again.extensions_mut()).await;
    let made = AssertUnwindSafe(front.routes.clone().oneshot(again)).catch_unwind();
    let panicked = || StatusCode::INTERNAL_SERVER_ERROR.into_response();
    let Ok(response) = made.await.unwrap_or_else(|_| Ok(panicked()));
    response
}

/// Removes what axum found out about the route of a request, so that it can be routed again. axum would add the values from the path a
/// second time.
async fn forget_route(extensions: &mut Extensions) {
    let told = async |request: Request| {
        let mut response: Response = Response::default();
        *response.extensions_mut() = request.into_parts().0.extensions;
        response
    };
    // The values have a type of axum's own. A route without values replaces them.
    let without_values = Router::new().route("/", routing::get(told));
    let Ok(response) = without_values.oneshot(Request::new(Body::empty())).await;
    extensions.extend(response.into_parts().0.extensions);
    extensions.remove::<MatchedPath>();
    extensions.remove::<OriginalUri>();
}

/// Where an action leads the visitor: to a path of this site.
fn led(done: &Done, page: &PathAndQuery) -> Response {
    let to = match &done.to {
        Some(to) => to.clone(),
        None => at_anchor(page, done.anchor.as_deref()),
    };
    see_other(&to).unwrap_or_else(|| {
        tracing::error!(
            to = cut(&to),
            "a form leads to an address that is not a path of this site"
        );
        failed(FormFailure::Unclear)
    })
}

/// Leads a visitor by GET (RFC 9110 section 15.4.4). `None`: the address is not a path of this site.
pub(super) fn see_other(to: &str) -> Option<Response> {
    let location = HeaderValue::try_from(to).ok().filter(|_| !is_like_host(to))?;
    let no_store = HeaderValue::from_static("no-store");
    let headers = [(LOCATION, location), (CACHE_CONTROL, no_store)];
    Some((StatusCode::SEE_OTHER, headers).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visitors_are_led_to_paths_of_this_site_only() {
        let page = PathAndQuery::from_static("/pay?x=1");
        let location = |done: Done| {
            let response = led(&done, &page);
            let to = response
                .headers()
                .get(LOCATION)
                .map(|to| to.to_str().expect("a text").to_owned());
            (response.status().as_u16(), to.unwrap_or_default())
        };
        for (done, expected) in [
            (Done::to("/thanks?n=1#top"), "/thanks?n=1#top"),
            (Done::stay(), "/pay?x=1"),
            (Done::stay_at("orders"), "/pay?x=1#orders"),
            (Done::stay_at("a b"), "/pay?x=1"),
        ] {
            assert_eq!(location(done), (303, expected.to_owned()));
        }
        for elsewhere in [
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "https://evil.example",
            "thanks",
            "",
            "/\r\nx: y",
        ] {
            assert_eq!(location(Done::to(elsewhere)), (500, String::new()), "{elsewhere}");
        }
    }
}
