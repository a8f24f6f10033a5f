//! The gateway's answers to services and operators.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::json;

/// The answer for a service or an operator that sent something wrong.
pub(crate) fn refused(status: StatusCode, reason: &str) -> Response {
    tracing::info!(%status, reason, "a call was refused");
    (status, axum::Json(json!({ "error": reason }))).into_response()
}

/// No body at all: what a wrong key gets, so that nothing is told to those who guess.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
