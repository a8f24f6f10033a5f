//! Error responses to services and operators.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::json;

/// The response to a service or an operator that sent something wrong, with the reason as JSON.
pub(crate) fn refused(status: StatusCode, reason: &str) -> Response {
    tracing::info!(%status, reason, "a call was refused");
    refusal(status, reason)
}

/// The same response for a call whose refusal is logged elsewhere.
pub(crate) fn refusal(status: StatusCode, reason: &str) -> Response {
    (status, axum::Json(json!({ "error": reason }))).into_response()
}

/// A response without a body. A caller with a wrong public key gets nothing more, so that guessing reveals nothing.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
