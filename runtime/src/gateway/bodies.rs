//! Reads the body of a call, within bounds.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

/// How long a body may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest reason that is said back.
const MAX_REASON: usize = 300;

/// A body that cannot be taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadBody {
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    #[error("the body did not arrive in time")]
    TooSlow,
    #[error("the body broke off")]
    Broken,
}

impl BadBody {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            BadBody::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            BadBody::TooSlow => StatusCode::REQUEST_TIMEOUT,
            BadBody::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

/// The whole body, of `limit` bytes at most.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, BadBody> {
    match tokio::time::timeout(TIMEOUT, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BadBody::TooLong(limit)),
        Ok(Err(_)) => Err(BadBody::Broken),
        Err(_) => Err(BadBody::TooSlow),
    }
}

/// The body as JSON; the error is the reason in words.
pub(crate) fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| {
        let mut reason = format!("the body is not the JSON that is expected here: {error}");
        // A wrong value is part of the message, and may be as long as the body.
        if let Some((end, _)) = reason.char_indices().nth(MAX_REASON) {
            reason.truncate(end);
            reason.push('…');
        }
        reason
    })
}
