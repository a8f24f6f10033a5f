//! One request to the operators' listener of a gateway.

use std::time::Duration;

use axum::body::Body;
use http::{
    HeaderValue, Request, StatusCode, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
    request,
};
use http_body_util::{BodyExt as _, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, runtime, time::timeout};

/// How long the gateway may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer, in bytes: 50,000 instances take some ten million.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// Gets JSON from `path` at `admin`, which is `http://host:port`, with the operators' token if there is one.
///
/// # Errors
/// A sentence that tells why there is none, and what to do.
pub(super) fn get(admin: &str, path: &str, token: Option<&str>) -> Result<Value, String> {
    call(admin, with_token(Request::get(path), token)?, Body::empty(), path)
}

/// Posts JSON to `path`, with the operators' token.
///
/// # Errors
/// As for [`get`], and where the token cannot be sent.
pub(super) fn post(admin: &str, path: &str, token: Option<&str>, body: &Value) -> Result<Value, String> {
    let request = Request::post(path).header(CONTENT_TYPE, "application/json");
    call(
        admin,
        with_token(request, token)?,
        Body::from(body.to_string()),
        path,
    )
}

fn with_token(request: request::Builder, token: Option<&str>) -> Result<request::Builder, String> {
    let Some(token) = token else { return Ok(request) };
    let bearer = HeaderValue::try_from(format!("Bearer {token}"));
    let mut bearer = bearer.map_err(|_| "the token is not the `admin_token` of a gateway".to_owned())?;
    bearer.set_sensitive(true);
    Ok(request.header(AUTHORIZATION, bearer))
}

fn call(admin: &str, request: request::Builder, body: Body, path: &str) -> Result<Value, String> {
    let authority = authority(admin)?;
    let request = request.header(HOST, &authority).body(body);
    let request = request.map_err(|error| error.to_string())?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let (status, body) = runtime
        .block_on(async { timeout(PATIENCE, exchange(&authority, request)).await })
        .map_err(|_| format!("{admin} did not answer within {} s", PATIENCE.as_secs()))??;
    let answer = serde_json::from_slice(&body);
    match (status, answer) {
        (StatusCode::OK, Ok(answer)) => Ok(answer),
        (StatusCode::OK, Err(error)) => Err(format!("{admin} did not answer with JSON: {error}")),
        // Errors at the port for visitors have the status in their JSON too.
        (status, Ok(answer)) if answer["error"].is_string() && answer["status"].is_null() => Err(format!(
            "{admin} answered {status}: {}",
            answer["error"].as_str().unwrap_or_default()
        )),
        (StatusCode::NOT_FOUND, _) => Err(format!(
            "{admin} has no {path}: is it where a gateway answers operators (`admin_listen`)?"
        )),
        (status, _) => Err(format!(
            "{admin} answered {status}: {}",
            String::from_utf8_lossy(&body).trim()
        )),
    }
}

/// The host and port of the address.
fn authority(admin: &str) -> Result<String, String> {
    let wrong =
        || format!("`{admin}` is not the address of a gateway for operators: write http://127.0.0.1:8082");
    let uri: Uri = admin.parse().map_err(|_| wrong())?;
    let is_plain =
        uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/") && uri.query().is_none();
    let authority = uri.authority().filter(|_| is_plain).ok_or_else(wrong)?;
    Ok(match authority.port() {
        Some(_) => authority.to_string(),
        None => format!("{authority}:80"),
    })
}

async fn exchange(authority: &str, request: Request<Body>) -> Result<(StatusCode, Vec<u8>), String> {
    let stream = TcpStream::connect(authority).await.map_err(|error| {
        format!(
            "cannot reach {authority}: {error}. Is a gateway running there? --admin names another address"
        )
    })?;
    let broke = |error: &dyn std::fmt::Display| format!("{authority} broke off: {error}");
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| broke(&error))?;
    let answering = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| broke(&error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| broke(&error))?.to_bytes();
        Ok((parts.status, body.into()))
    };
    tokio::select! {
        answer = answering => answer,
        // A connection that ends before its answer has an error.
        Err(error) = connection => Err(broke(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_with_a_host() {
        for (admin, expected) in [
            ("http://127.0.0.1:8082", Some("127.0.0.1:8082")),
            ("http://[::1]:8082/", Some("[::1]:8082")),
            ("http://gateway", Some("gateway:80")),
            ("https://127.0.0.1:8082", None),
            ("127.0.0.1:8082", None),
            ("http://127.0.0.1:8082/api", None),
            ("http://127.0.0.1:8082?x", None),
            ("http://", None),
            ("", None),
        ] {
            assert_eq!(authority(admin).ok().as_deref(), expected, "{admin}");
        }
    }

    #[test]
    fn a_gateway_that_is_not_there_is_a_clear_message() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let error = get(&format!("http://{address}"), "/api/services", None).expect_err("nobody is there");
        assert!(error.contains("Is a gateway running there?"), "{error}");
    }
}
