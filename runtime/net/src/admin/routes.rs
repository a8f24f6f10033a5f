//! The routes of the operators' listener, and how they are served.

use std::{future::Future, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS},
};
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};

use super::host::is_allowed;
use crate::{
    limits::METRICS_TIDY_PERIOD,
    metrics::Recorded,
    server::{self, ConnectionLimits},
};

/// The media type of Prometheus' text format.
const METRICS_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Whether a process takes requests of visitors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It does.
    Ready,
    /// Not yet, for this reason.
    NotYet(&'static str),
}

/// The operators' side of a process.
pub struct Admin(Arc<Shared>, Router);

struct Shared {
    recorded: Option<Recorded>,
    hosts: Vec<String>,
    ready: Box<dyn Fn() -> Readiness + Send + Sync>,
    /// Sets gauges that are read from a state rather than counted.
    refresh: Vec<Box<dyn Fn() + Send + Sync>>,
    stopping: watch::Receiver<bool>,
}

impl Admin {
    /// Metrics and readiness. `recorded` is `None` if the program has a recorder of its own; `stopping` tells that the
    /// process is about to end.
    pub fn new(
        recorded: Option<Recorded>,
        stopping: watch::Receiver<bool>,
        ready: impl Fn() -> Readiness + Send + Sync + 'static,
    ) -> Self {
        let shared = Shared {
            recorded,
            hosts: Vec::new(),
            ready: Box::new(ready),
            refresh: Vec::new(),
            stopping,
        };
        Self(Arc::new(shared), Router::new())
    }

    /// Allows requests for these names of hosts, beside `localhost` and IP addresses.
    #[must_use]
    pub fn hosts(mut self, hosts: Vec<String>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            shared.hosts = hosts;
        }
        self
    }

    /// Calls `refresh` too before each answer with metrics.
    #[must_use]
    pub fn refresh(mut self, refresh: impl Fn() + Send + Sync + 'static) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            shared.refresh.push(Box::new(refresh));
        }
        self
    }

    /// Adds the program's own routes for operators, such as `/api/…`.
    #[must_use]
    pub fn routes(mut self, routes: Router) -> Self {
        self.1 = self.1.merge(routes);
        self
    }

    /// All routes. Each checks the host of its request first.
    pub fn router(self) -> Router {
        let Self(shared, routes) = self;
        Router::new()
            .route("/metrics", get(metrics))
            .route("/ready", get(ready))
            .with_state(Arc::clone(&shared))
            .merge(routes)
            .layer(middleware::from_fn_with_state(shared, guarded))
    }

    /// Serves in the current runtime until `end` is ready.
    pub async fn serve(self, listener: TcpListener, end: impl Future<Output = ()>) {
        let recorded = self.0.recorded.clone();
        let limits = ConnectionLimits {
            stop_grace: Duration::ZERO,
            stop_timeout: Duration::from_secs(1),
            ..ConnectionLimits::default()
        };
        tokio::select! {
            () = server::serve(listener, self.router(), end, limits) => {}
            () = tidy(recorded) => {}
        }
    }
}

/// Keeps the memory of recorded durations small, for ever.
async fn tidy(recorded: Option<Recorded>) {
    loop {
        tokio::time::sleep(METRICS_TIDY_PERIOD).await;
        if let Some(recorded) = &recorded {
            recorded.tidy();
        }
    }
}

/// Refuses requests for other hosts, and keeps answers out of caches.
async fn guarded(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    let host = authority.or_else(|| request.headers().get(HOST)?.to_str().ok());
    if !host.is_some_and(|host| is_allowed(host, &shared.hosts)) {
        let text =
            "This listener answers requests for IP addresses, `localhost` and the names in `admin_hosts`.\n";
        return (StatusCode::MISDIRECTED_REQUEST, text).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let Some(recorded) = &shared.recorded else {
        let text = "The program keeps its metrics with a recorder of its own.\n";
        return (StatusCode::NOT_IMPLEMENTED, text).into_response();
    };
    shared.refresh.iter().for_each(|refresh| refresh());
    ([(CONTENT_TYPE, METRICS_TYPE)], recorded.render()).into_response()
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let readiness = match *shared.stopping.borrow() {
        true => Readiness::NotYet("it is stopping"),
        false => (shared.ready)(),
    };
    match readiness {
        Readiness::Ready => Json(json!({ "status": "ready" })).into_response(),
        Readiness::NotYet(reason) => {
            let body = Json(json!({ "status": "not ready", "reason": reason }));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

    use axum::body::{Body, to_bytes};
    use tower::ServiceExt as _;

    use super::*;

    async fn asked(router: &Router, path: &str, host: &str) -> (u16, String) {
        let request = Request::get(path).header(HOST, host).body(Body::empty());
        let response = router.clone().oneshot(request.expect("a request")).await;
        let (parts, body) = response.expect("an answer").into_parts();
        let body = to_bytes(body, 1 << 20).await.expect("a body");
        (parts.status.as_u16(), String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn it_is_ready_between_its_start_and_its_stop() {
        let (stop, stopping) = watch::channel(false);
        let is_ready = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_ready);
        let admin = Admin::new(None, stopping, move || match seen.load(SeqCst) {
            true => Readiness::Ready,
            false => Readiness::NotYet("it starts"),
        });
        let router = admin.router();
        let starting = (503, r#"{"reason":"it starts","status":"not ready"}"#.to_owned());
        assert_eq!(asked(&router, "/ready", "localhost").await, starting);
        is_ready.store(true, SeqCst);
        assert_eq!(asked(&router, "/ready", "localhost").await.0, 200);
        stop.send_replace(true);
        let stopping = (
            503,
            r#"{"reason":"it is stopping","status":"not ready"}"#.to_owned(),
        );
        assert_eq!(asked(&router, "/ready", "localhost").await, stopping);
    }

    #[tokio::test]
    async fn every_route_checks_the_host_those_of_the_program_included() {
        let (_stop, stopping) = watch::channel(false);
        let own = Router::new().route("/api/x", get(async || "x"));
        let router = Admin::new(None, stopping, || Readiness::Ready)
            .hosts(vec!["ops.internal".to_owned()])
            .routes(own)
            .router();
        for (path, expected) in [
            ("/ready", 200),
            ("/metrics", 501),
            ("/api/x", 200),
            ("/none", 404),
        ] {
            assert_eq!(asked(&router, path, "127.0.0.1:8082").await.0, expected, "{path}");
            assert_eq!(asked(&router, path, "ops.internal").await.0, expected, "{path}");
            assert_eq!(asked(&router, path, "attacker.example").await.0, 421, "{path}");
        }
    }
}
