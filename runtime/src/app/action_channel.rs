//! Forms that a gateway passes on over the channel (protocol section 9): they are answered as those by POST are. The token in the SETUP
//! and the gateway's proof stand for the signature.

use std::sync::Arc;

use axum::{body::Body, extract::Request};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt as _;
use hydra_runtime_net::{
    bodies,
    channel::{ChannelRequest, Refusal, RefusalKind},
    observe,
};
use hydra_runtime_wire::{
    forms::channel::{ChannelForm, ChannelFormAnswer},
    lines::cut,
    paths,
};

use super::{action_endpoint, endpoint::EndpointState};

/// Answers a form. A refusal says that its action was not called.
pub(super) async fn answer(state: &EndpointState, request: ChannelRequest) -> Result<Bytes, Refusal> {
    let unreadable = |reason: &str| {
        tracing::warn!(reason = cut(reason), "a form is refused");
        Refusal::of_status(StatusCode::BAD_REQUEST, reason)
    };
    let form: ChannelForm = bodies::read_json(&request.body).map_err(|reason| unreadable(&reason))?;
    let body = form.body().ok_or_else(|| unreadable("the body is not base64"))?;
    let mut posted = Request::new(Body::from(body));
    *posted.method_mut() = Method::POST;
    if let Ok(path) = paths::of(paths::ACTION, &state.public_key).parse() {
        *posted.uri_mut() = path;
    }
    *posted.headers_mut() = request.headers;
    if let Ok(kind) = HeaderValue::try_from(&form.content_type) {
        posted.headers_mut().insert(CONTENT_TYPE, kind);
    }
    let answer = |posted: Request| async move {
        observe::with_current(|record| record.answered_by(|| Arc::clone(&state.context.service)));
        let (parts, body) = posted.into_parts();
        action_endpoint::ran(state, &form.form, &parts, body).await
    };
    let response = state.context.observer.call(posted, answer).await;
    let status = response.status().as_u16();
    let failed = |reason: String| Refusal::new(RefusalKind::Failed, reason);
    let body = response.into_body().collect().await;
    let body = body.map_err(|error| failed(error.to_string()))?.to_bytes();
    let answer = serde_json::from_slice(&body).unwrap_or_default();
    let answer = serde_json::to_vec(&ChannelFormAnswer { status, answer });
    answer.map(Bytes::from).map_err(|error| failed(error.to_string()))
}
