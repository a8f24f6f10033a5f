//! Calls with whole bodies over HTTP/2.

use axum::{BoxError, body::Body};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response, header::HOST};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::Instant;

use super::{
    buffered_client::{Answer, CallError, CallRequest},
    framing,
    http2::{Http2Body, Http2Client, Http2Error},
};
use crate::registry::instance::Address;

/// Sends `call_request` to `address`, and reads the answer to its end.
pub(super) async fn call(
    client: &Http2Client,
    address: &Address,
    call_request: &CallRequest<'_>,
    until: Instant,
) -> Result<Answer, CallError> {
    let request = request(address, call_request);
    let answer = client.send(address, request, until, &mut |_| {}).await;
    let mut answer = answer.map_err(call_error)?;
    let status = answer.status();
    let broken = |reason: String| CallError::Broken {
        reason,
        status: Some(status),
    };
    framing::normalize(&mut answer).map_err(|reason| broken(reason.to_owned()))?;
    let headers = wanted(answer.headers(), call_request.wanted);
    let body = read(answer, call_request.limit).await.map_err(broken)?;
    Ok(Answer {
        status,
        headers,
        body,
        // Each answer names its request.
        may_keep: true,
    })
}

fn request(address: &Address, call_request: &CallRequest<'_>) -> Request<Body> {
    let mut request = Request::new(match call_request.body {
        [] => Body::empty(),
        body => Body::from(Bytes::copy_from_slice(body)),
    });
    *request.method_mut() = call_request.method.clone();
    *request.uri_mut() = call_request.target.clone().into();
    let headers = request.headers_mut();
    headers.extend(call_request.headers.iter().cloned());
    headers.insert(HOST, address.host_rule.of(call_request.visitors_host).clone());
    request
}

/// The headers that the caller wants.
fn wanted(headers: &HeaderMap, wanted: &[HeaderName]) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in wanted {
        for value in headers.get_all(name) {
            kept.append(name, value.clone());
        }
    }
    kept
}

/// The whole body, or why there is none.
async fn read(answer: Response<Http2Body>, limit: usize) -> Result<Vec<u8>, String> {
    let too_long = || format!("the answer is longer than {limit} bytes");
    let mut body = Limited::new(answer.into_body(), limit);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error: BoxError| match error.is::<LengthLimitError>() {
            true => too_long(),
            false => format!("the answer broke off: {error}"),
        })?;
        if let Ok(piece) = frame.into_data() {
            bytes.extend_from_slice(&piece);
        }
    }
    Ok(bytes)
}

fn call_error(error: Http2Error) -> CallError {
    let broken = |reason: &str| CallError::Broken {
        reason: format!("the head of the answer cannot be used: {reason}"),
        status: None,
    };
    match error {
        Http2Error::NotSent(reason, _) => CallError::NotSent(reason),
        Http2Error::Lost(error) | Http2Error::BrokenOff(error) => CallError::Lost(error.to_string()),
        Http2Error::BadAnswer(reason) => broken(reason),
    }
}
