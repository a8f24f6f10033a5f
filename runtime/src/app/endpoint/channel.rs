//! The gateway's calls for fragments over the channel: they are answered as those by POST are. The token in the SETUP and the gateway's
//! proof stand for the signature of each call.

use std::sync::Arc;

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use hydra_runtime_net::{
    bodies,
    channel::{ChannelRequest, Refusal, RefusalKind},
    observe,
};
use hydra_runtime_wire::{lines::cut, paths};

use super::{EndpointState, body::CallBody, rendered};

/// Answers a call for fragments.
pub(in crate::app) async fn over_channel(
    state: &EndpointState,
    request: ChannelRequest,
) -> Result<Bytes, Refusal> {
    let call: CallBody = bodies::read_json(&request.body).map_err(|reason| {
        tracing::warn!(reason = cut(&reason), "a call for fragments is refused");
        Refusal::of_status(StatusCode::BAD_REQUEST, reason)
    })?;
    let mut head = Request::new(Body::empty());
    *head.method_mut() = Method::POST;
    if let Ok(path) = paths::of(paths::FRAGMENTS, &state.public_key).parse() {
        *head.uri_mut() = path;
    }
    *head.headers_mut() = request.headers;
    let answer = |head: Request| async move {
        observe::with_current(|record| record.answered_by(|| Arc::clone(&state.context.service)));
        rendered(state, head.headers(), call.into()).await
    };
    read(state.context.observer.call(head, answer).await).await
}

/// The body of a response, or the refusal that it stands for.
async fn read(response: Response) -> Result<Bytes, Refusal> {
    let status = response.status();
    let body = response.into_body().collect().await;
    let body = body.map_err(|error| Refusal::new(RefusalKind::Failed, error.to_string()))?;
    let body = body.to_bytes();
    if status == StatusCode::OK {
        return Ok(body);
    }
    let reason = String::from_utf8_lossy(&body);
    Err(Refusal::of_status(
        status,
        format!("the service answered {status}: {}", cut(&reason)),
    ))
}
