//! Guards the operators' API: programs send the token, and the operators' page sends the cookie of its session.

use axum::{
    Json,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{AUTHORIZATION, RETRY_AFTER},
};
use serde_json::json;

use super::{Access, is_from_own_page};
use crate::{Gateway, login::TooSoon};

/// Passes on the requests of operators, and refuses others. Changes are refused without a credential also on this machine: every page
/// in a browser there could send one.
pub(crate) async fn guarded(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let guard = gateway.operators();
    if !guard.is_closed(&gateway) {
        let reason = "changes need an `admin_token` (HYDRA_ADMIN_TOKEN) in the gateway's configuration, or users with the \
                      role HYDRA-OPERATOR";
        return match reads {
            true => next.run(request).await,
            false => refused(StatusCode::FORBIDDEN, reason),
        };
    }
    if let Some(token) = bearer(request.headers()) {
        let address = gateway.origin_of(request.extensions(), request.headers()).address;
        return match guard.is_token(token, address) {
            Ok(true) => next.run(request).await,
            Ok(false) => refused(StatusCode::UNAUTHORIZED, NEEDS_TOKEN),
            Err(TooSoon { after }) => later(after),
        };
    }
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    match guard.access(&gateway, request.headers()).await {
        Access::SignedIn(_) if reads || is_from_own_page(request.headers(), authority) => {
            next.run(request).await
        }
        Access::SignedIn(_) => {
            let reason =
                "the request does not come from a page of this address: programs send the `admin_token`";
            refused(StatusCode::FORBIDDEN, reason)
        }
        Access::ReadOnly | Access::SignedOut => refused(StatusCode::UNAUTHORIZED, NEEDS_TOKEN),
    }
}

const NEEDS_TOKEN: &str = "this needs the header `Authorization: Bearer` with the gateway's `admin_token` (HYDRA_ADMIN_TOKEN, --admin-token)";

/// The token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn later(after: u64) -> Response {
    let seconds = after.div_ceil(1_000).max(1);
    let reason = format!("there were too many wrong tokens from this address: try again in {seconds} s");
    let mut response = refused(StatusCode::TOO_MANY_REQUESTS, &reason);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn refused(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({ "error": reason }))).into_response()
}
