//! The cookie is set in advance only where a fragment that is still open may begin a session.

use axum::{
    Router,
    body::Body,
    extract::State,
    routing::{get, post},
};
use http::Request;
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};
use tower::ServiceExt as _;

use super::{
    app::{Count, Home, Seen, counting_fragment, plain_page, plan},
    *,
};
use crate::{App, Overview, settings::Partial};

/// A gateway that says that these services are there, and never answers for a fragment.
async fn gateway(services: Value) -> String {
    let answer = json!({"protocol": 2, "publicKey": "", "services": services, "roleMappings": {}});
    let router = Router::new()
        .route(
            "/h/discovery/hydra/registration",
            post(async move || axum::Json(answer)),
        )
        .route("/h/discovery/hydra/alive", post(async || axum::Json(true)))
        .route(
            "/h/discovery/hydra/requestFragment",
            post(async || -> String { std::future::pending().await }),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// The head of `/` while its fragment is open: whether it sets the cookie, and its `Cache-Control`.
async fn head(router: &Router) -> (bool, Option<String>) {
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let headers = response.headers();
    let said = headers
        .get(header::CACHE_CONTROL)
        .map(|value| value.to_str().unwrap().to_owned());
    (headers.contains_key(header::SET_COOKIE), said)
}

/// A visitor's page gets no cookie, and caches may keep it.
fn none() -> (bool, Option<String>) {
    (false, None)
}

fn in_advance() -> (bool, Option<String>) {
    (true, Some("private".to_owned()))
}

#[tokio::test]
async fn a_fragment_of_another_service_needs_the_cookie_only_where_its_contract_lets_it_begin_a_session() {
    let orders = |instances: Value| json!([{"serviceName": "orders", "activeServices": instances}]);
    for (case, instances, expected) in [
        (
            "it says that it does",
            json!([{"protocol": 2, "sessions": true}]),
            in_advance(),
        ),
        (
            "it says that it does not",
            json!([{"protocol": 2, "sessions": false}]),
            none(),
        ),
        (
            "it says nothing, as older ones",
            json!([{"protocol": 2}]),
            in_advance(),
        ),
        ("protocol 1, and plain", json!([{}]), none()),
        (
            "protocol 1 can't say it",
            json!([{"protocol": 1, "sessions": true}]),
            none(),
        ),
        (
            "one version of it does",
            json!([{"protocol": 2, "sessions": false}, {"protocol": 2, "sessions": true, "version": 1}]),
            in_advance(),
        ),
    ] {
        let address = gateway(orders(instances)).await;
        let is_there = async |overview: Overview| overview.is_active("orders").to_string();
        let app = App::with_plan("shop", plan("orders"))
            .page(plain_page)
            .route("/there", get(is_there))
            .settings(Partial::default().gateway(address).private_key(KEY));
        let assembled = app.assemble().unwrap();
        let (_stop, stopped) = watch::channel(false);
        tokio::spawn(
            assembled
                .registration
                .unwrap()
                .run(([127, 0, 0, 1], 9).into(), stopped),
        );
        let router = assembled.router;
        let there = async {
            loop {
                let request = Request::get("/there").body(Body::empty()).unwrap();
                let response = router.clone().oneshot(request).await.unwrap();
                if axum::body::to_bytes(response.into_body(), 10).await.unwrap() == "true" {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), there)
            .await
            .expect(case);
        assert_eq!(head(&router).await, expected, "{case}");
    }
}

#[tokio::test]
async fn a_fragment_of_the_own_service_needs_it_where_its_handler_may_take_a_session() {
    let open = async || -> Count { std::future::pending().await };
    let open_with_state = async |State(()): State<()>| -> Count { std::future::pending().await };
    let with_session = async |_: Session<Seen>| -> Count { std::future::pending().await };
    let with_maybe = async |_: Result<Session<Seen>, NoSession>| -> Count { std::future::pending().await };
    let app = || App::with_plan("shop", plan("")).page(plain_page);
    for (case, app, expected) in [
        ("no arguments", app().fragment(open), none()),
        ("a state", app().fragment(open_with_state), none()),
        ("a session", app().fragment(with_session), in_advance()),
        ("a session, maybe", app().fragment(with_maybe), in_advance()),
    ] {
        let router = app.into_router().unwrap();
        assert_eq!(head(&router).await, expected, "{case}");
    }
    // One that is ready in time needs nothing in advance: the cookie comes where a session was begun.
    let ready = app().fragment(counting_fragment).into_router().unwrap();
    assert!(head(&ready).await.0);
}

#[tokio::test]
async fn a_page_is_private_for_visitors_with_sessions_only_where_it_has_to_do_with_them() {
    let begin = async |mut session: Session<Seen>| session.update(|seen| seen.times += 1);
    let read = async |session: Session<Seen>| Home {
        seen: session.get().times,
    };
    let app = App::with_plan("shop", plan(""))
        .route("/begin", get(begin))
        .route("/read", get(read))
        .route("/plain", get(async || "for all"))
        .route("/shows", get(plain_page));
    let router = app.into_router().unwrap();
    let request = Request::get("/begin").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let cookie = response.headers()[header::SET_COOKIE].clone();
    for (path, is_private) in [
        ("/read", true),
        ("/plain", false),
        // Its fragment belongs to the service that knows the visitor.
        ("/shows", true),
    ] {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        *request.headers_mut() = with_cookie(&cookie);
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(
            response.headers().contains_key(header::CACHE_CONTROL),
            is_private,
            "{path}"
        );
    }
}
