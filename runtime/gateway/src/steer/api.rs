//! The calls of operators that read and change weights and drains, for their listener.

use std::time::Duration;

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{StatusCode, header::CACHE_CONTROL};
use hydra_runtime_net::bodies::read;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::{BadChange, BadPreview, SteeringRequest};
use crate::{Gateway, limits::MAX_CHANGE_BYTES, operators::guarded, stated_weights::StatedWeights};

/// The body of `POST /api/weights`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Weights {
    service: String,
    /// By version, or a rule. `None`: what was stated at run time is taken back.
    #[serde(default)]
    weights: Option<StatedWeights>,
}

/// The body of `POST /api/drain`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Drain {
    /// A service or an instance.
    target: String,
    /// Whether the drain ends.
    #[serde(default)]
    end: bool,
    /// After so many seconds, visitors that stay leave. `None`: when the drain ends.
    #[serde(default)]
    after_seconds: Option<u64>,
}

/// The body of `POST /api/preview`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Preview {
    /// `service@version`.
    target: String,
    /// How long the preview lasts.
    seconds: u64,
}

impl Gateway {
    /// The calls with which operators read and change weights and drains, and make previews: `GET` and
    /// `POST /api/weights`, `POST /api/drain`, `POST /api/preview`. They belong on the operators' listener, which checks hosts, and
    /// answer operators only.
    pub fn steering_routes(&self) -> Router {
        Router::new()
            .route("/api/weights", get(weights).post(set_weights))
            .route("/api/drain", post(drain))
            .route("/api/preview", post(preview))
            .layer(middleware::from_fn_with_state(self.clone(), guarded))
            .with_state(self.clone())
    }
}

async fn weights(State(gateway): State<Gateway>) -> Response {
    Json(json!({ "services": gateway.steering_state() })).into_response()
}

async fn set_weights(State(gateway): State<Gateway>, body: Body) -> Response {
    let body: Weights = match read_json(body).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let Weights { service, weights } = body;
    let request = match weights {
        Some(weights) => SteeringRequest::Weights { service, weights },
        None => SteeringRequest::ClearWeights { service },
    };
    changed(&gateway, request).await
}

async fn drain(State(gateway): State<Gateway>, body: Body) -> Response {
    let body: Drain = match read_json(body).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let Drain {
        target,
        end,
        after_seconds,
    } = body;
    let request = match (end, after_seconds) {
        (false, after_seconds) => SteeringRequest::Drain {
            target,
            after_seconds,
        },
        (true, None) => SteeringRequest::EndDrain { target },
        (true, Some(_)) => {
            let reason =
                "`after_seconds` says how long visitors stay while a drain lasts, and this call ends one";
            return refused(StatusCode::BAD_REQUEST, reason);
        }
    };
    changed(&gateway, request).await
}

async fn preview(State(gateway): State<Gateway>, body: Body) -> Response {
    let body: Preview = match read_json(body).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    match gateway.preview_token(&body.target, Duration::from_secs(body.seconds)) {
        Ok(token) => ([(CACHE_CONTROL, "no-store")], Json(token)).into_response(),
        Err(bad) => {
            let status = match &bad {
                BadPreview::NoVersion(_) | BadPreview::Life => StatusCode::BAD_REQUEST,
                BadPreview::UnknownService(_) | BadPreview::UnknownVersion { .. } => StatusCode::NOT_FOUND,
                BadPreview::NoPrivateKey => StatusCode::CONFLICT,
            };
            refused(status, &bad.to_string())
        }
    }
}

async fn changed(gateway: &Gateway, request: SteeringRequest) -> Response {
    match gateway.steer(request).await {
        Ok(service) => Json(json!({ "service": service })).into_response(),
        Err(bad) => {
            let status = match &bad {
                BadChange::UnknownService(_) | BadChange::UnknownTarget(_) => StatusCode::NOT_FOUND,
                BadChange::Ambiguous { .. } => StatusCode::CONFLICT,
                BadChange::Refused(_) => StatusCode::BAD_REQUEST,
                BadChange::NotKept(_) => StatusCode::SERVICE_UNAVAILABLE,
            };
            refused(status, &bad.to_string())
        }
    }
}

async fn read_json<T: DeserializeOwned>(body: Body) -> Result<T, Response> {
    let body = read(body, MAX_CHANGE_BYTES)
        .await
        .map_err(|problem| refused(problem.status(), &problem.to_string()))?;
    serde_json::from_slice(&body).map_err(|error| refused(StatusCode::BAD_REQUEST, &error.to_string()))
}

fn refused(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({ "error": reason }))).into_response()
}
