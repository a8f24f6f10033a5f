//! The operators' page: who may change what, what it shows of peers, and how much of it there is.

mod changes;
mod channels;
mod contents;
mod sign_in;
mod watchers;

use axum::{Router, body::Body};
use http::{Method, Request, StatusCode, header::COOKIE};
use http_body_util::BodyExt as _;
use hydra_runtime_gateway::{Gateway, GatewayConfig, Secret};
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::support::{Running, register, said, service, start};

const TOKEN: &str = "the-token-of-the-operators";
const HOST: &str = "127.0.0.1:8082";

/// The operators' side of a gateway, as a browser uses it.
struct Browser {
    router: Router,
    cookie: String,
    _stopping: watch::Sender<bool>,
}

/// A page, or another answer.
struct Got {
    status: StatusCode,
    headers: http::HeaderMap,
    text: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    /// The value of the hidden field of this name.
    fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let rest = self.text.split_once(&start).map(|(_, rest)| rest);
        let value = rest.and_then(|rest| rest.split('"').next());
        value
            .unwrap_or_else(|| panic!("no {name} in {}", self.text))
            .to_owned()
    }
}

impl Browser {
    fn of(gateway: &Gateway) -> Self {
        let (stopping, stopped) = watch::channel(false);
        Self {
            router: gateway.admin(None, stopped).router(),
            cookie: String::new(),
            _stopping: stopping,
        }
    }

    async fn send(&self, request: Request<Body>) -> Got {
        let answer = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Got {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).expect("UTF-8"),
        }
    }

    async fn get(&self, path: &str) -> Got {
        let request = Request::get(path)
            .header("host", HOST)
            .header(COOKIE, &self.cookie);
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    fn form(&self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Request<Body> {
        let encoded = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("host", HOST)
            .header(COOKIE, &self.cookie)
            .header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::from(body.join("&"))).expect("a request")
    }

    /// Sends a form as a browser does from a page of this listener.
    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Got {
        let own = [
            ("origin", "http://127.0.0.1:8082"),
            ("sec-fetch-site", "same-origin"),
        ];
        self.send(self.form(path, fields, &own)).await
    }

    async fn sign_in(&mut self) {
        let got = self
            .post("/sign-in", &[("token", TOKEN), ("place", "/routes")])
            .await;
        assert_eq!(
            (got.status, got.header("location")),
            (StatusCode::SEE_OTHER, "/routes")
        );
        let cookie = got.header("set-cookie");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains(TOKEN));
        self.cookie = cookie.split(';').next().expect("a pair").to_owned();
    }
}

fn config() -> GatewayConfig {
    GatewayConfig {
        public_key: "K".into(),
        admin_token: Some(Secret::new(TOKEN.to_owned())),
        ..GatewayConfig::default()
    }
}

async fn add(gateway: &Running, name: &str, more: Value) -> Running {
    let target = service(Router::new()).await;
    let mut body = said(
        name,
        &target,
        json!({"protocol":2,"instance":format!("uuid-{}", target.address)}),
    );
    for (member, value) in more.as_object().expect("an object") {
        body[member] = value.clone();
    }
    register(gateway, &body).await;
    target
}

fn weights(gateway: &Gateway, service: &str) -> Vec<(String, String)> {
    let states = gateway.steering_state();
    let state = states
        .iter()
        .find(|state| state.service == service)
        .expect("the service");
    let versions = state.versions.iter();
    versions
        .map(|one| (one.version.clone(), format!("{:.2}", one.share)))
        .collect()
}
