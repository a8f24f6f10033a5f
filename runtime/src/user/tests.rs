//! Users in handlers, with logins of a real gateway.

use std::net::SocketAddr;

use axum::{
    Router,
    body::{Body, to_bytes},
    response::IntoResponse,
    routing::get,
};
use http::{HeaderMap, Request, StatusCode, header::CACHE_CONTROL};
use hydra_runtime_gateway::{Gateway, GatewayConfig, Secret, UserFile, UserRecord};
use serde::Serialize;
use serde_json::json;
use tower::ServiceExt as _;

use super::*;
use crate::{
    App,
    app::{Fragment, Page, Route, fragment_response, page_response},
    settings::Partial,
};

const KEY: &str = "a private key for tests";

struct Admins;

impl RoleList for Admins {
    const ROLES: &'static [&'static str] = &["ADMIN", "OWNER"];
}

/// A page for admins that shows a fragment for admins.
#[derive(Serialize)]
struct Office {
    user: User,
}

impl Page for Office {
    const TEMPLATE: &'static str = "office.html";
}

impl Route for Office {
    const PATH: &'static str = "/office";
    const ROLES: &'static [&'static str] = Admins::ROLES;
}

impl IntoResponse for Office {
    fn into_response(self) -> Response {
        page_response(&self)
    }
}

/// A page for everyone that shows the same fragment.
#[derive(Serialize)]
struct Home {
    user: Option<User>,
}

impl Page for Home {
    const TEMPLATE: &'static str = "home.html";
}

impl Route for Home {
    const PATH: &'static str = "/";
}

impl IntoResponse for Home {
    fn into_response(self) -> Response {
        page_response(&self)
    }
}

#[derive(Serialize)]
struct Figures {
    of: String,
}

impl Fragment for Figures {
    const REF: &'static str = "figures";
    type Imports = ();
    const EXPORTS: &'static [&'static str] = &[];
}

impl IntoResponse for Figures {
    fn into_response(self) -> Response {
        fragment_response(&self)
    }
}

fn plan() -> String {
    let site = |page: &str| {
        json!({
            "place": {"file": page, "line": 1, "column": 1}, "gives": [],
            "slot": {"service": {"fixed": ""}, "ref": {"fixed": "figures"}, "imports": [], "exports": [],
                     "fallback": {"template": "#0/office.html", "captures": []}},
        })
    };
    json!({
        "format": hydra_contract::PLAN_FORMAT,
        "templates": [
            {"name": "office.html", "source": "{{ user.name }} {{ user.id }} {{ user.metadata.email }}|{{ 0 | __hydra }}"},
            {"name": "home.html", "source": "{% if user %}{{ user.name }}{% if \"ADMIN\" in user.roles %} the admin{% endif %}{% else %}stranger{% endif %}|{{ 1 | __hydra }}"},
            {"name": "#0/office.html", "source": "no figures"},
            {"name": "#1/office.html", "source": "figures of {{ of }}"},
        ],
        "sites": [site("office.html"), site("home.html")],
        "pages": [{"template": "office.html", "exports": []}, {"template": "home.html", "exports": []}],
        "contract": {"service": "", "fragments": {"figures": {"imports": {}}}},
        "offers": {"figures": "#1/office.html"},
    })
    .to_string()
}

fn app() -> App {
    let figures = async |_: Guard<Admins>, user: User| Figures {
        of: user.name().to_owned(),
    };
    let export = get(async || "the export").post(async || "written");
    App::with_plan("shop", plan())
        .page(async |user: User| Office { user })
        .page(async |user: Option<User>| Home { user })
        .fragment(figures)
        .route(
            "/me",
            get(async |user: User| user.name().to_owned()).post(async |user: User| user.name().to_owned()),
        )
        .route("/export", export.layer(RequireRoles::any(Admins::ROLES)))
        .route("/none", get(async || "none").layer(RequireRoles::any(&[])))
        .route(
            "/open",
            get(async || ([("cache-control", "public, max-age=60")], "open")),
        )
        .route(
            "/shared",
            get(async |_: Option<User>| ([("cache-control", "public, max-age=60")], "shared")),
        )
}

/// A gateway with the users `ann`, a `USER`, and `bob`, an `ADMIN`.
async fn gateway(folder: &std::path::Path) -> SocketAddr {
    let users = UserFile::new(folder.join("users.toml"));
    let record = |role: &str, id| UserRecord {
        roles: vec![role.into()],
        id: Some(id),
        metadata: [("email".to_owned(), format!("{id}@shop.example"))].into(),
        ..UserRecord::with_password("correct horse").expect("good")
    };
    let added = users.change(|users| {
        users.insert("ann".into(), record("USER", 1));
        users.insert("bob".into(), record("ADMIN", 2));
        Ok(())
    });
    added.expect("written");
    let gateway = Gateway::new(GatewayConfig {
        private_key: Some(Secret::new(KEY.to_owned())),
        login_keys: Some(folder.join("keys").display().to_string()),
        login_users: Some(folder.join("users.toml")),
        ..GatewayConfig::default()
    });
    let gateway = gateway.expect("good settings");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { gateway.serve(listener, std::future::pending()).await });
    address
}

/// Logs a user in. Returns the cookie.
async fn log_in(gateway: SocketAddr, username: &str) -> String {
    let request = Request::post(format!("http://{gateway}/login"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(format!("username={username}&password=correct+horse")))
        .expect("a request");
    let executor = hyper_util::rt::TokioExecutor::new();
    let client = hyper_util::client::legacy::Client::builder(executor).build_http::<Body>();
    let response = client.request(request).await.expect("a response");
    let cookie = response.headers()["set-cookie"].to_str().expect("ASCII");
    cookie.split(';').next().expect("a pair").to_owned()
}

/// The application, registered at the gateway.
async fn registered(gateway: SocketAddr) -> (Router, tokio::sync::watch::Sender<bool>) {
    let settings = Partial::default()
        .gateway(format!("http://{gateway}"))
        .private_key(KEY);
    let assembled = app().settings(settings).assemble().expect("good settings");
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let registration = assembled.registration.expect("a gateway");
    tokio::spawn(registration.run(([127, 0, 0, 1], 9).into(), stopped));
    (assembled.router, stop)
}

async fn ask(
    router: &Router,
    request: http::request::Builder,
    cookie: &str,
) -> (StatusCode, HeaderMap, String) {
    let request = request
        .header("cookie", cookie)
        .body(Body::empty())
        .expect("a request");
    let response = router.clone().oneshot(request).await.expect("a response");
    let (head, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a body");
    (
        head.status,
        head.headers,
        String::from_utf8(body.to_vec()).expect("UTF-8"),
    )
}

/// A browser that opens a page.
fn opens(path: &str) -> http::request::Builder {
    Request::get(path)
        .header("sec-fetch-mode", "navigate")
        .header("accept", "text/html")
}

async fn until_keys_came(router: &Router, cookie: &str) {
    for _ in 0..1_000 {
        if ask(router, opens("/me"), cookie).await.0 == StatusCode::OK {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the service never got the keys of the gateway");
}

#[tokio::test]
async fn one_login_opens_what_its_roles_may_see() {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway = gateway(folder.path()).await;
    let (ann, bob) = (log_in(gateway, "ann").await, log_in(gateway, "bob").await);
    let (router, _stop) = registered(gateway).await;
    until_keys_came(&router, &ann).await;
    let forged = format!("{}x", &ann[..ann.len() - 1]);
    for (path, cookie, status, expected) in [
        ("/me", ann.as_str(), StatusCode::OK, "ann"),
        ("/me", "a=b", StatusCode::FOUND, ""),
        ("/me", &forged, StatusCode::FOUND, ""),
        ("/me", "HYDRA-SSO=x", StatusCode::FOUND, ""),
        ("/export", &bob, StatusCode::OK, "the export"),
        ("/export", &ann, StatusCode::FORBIDDEN, "<h1>Forbidden</h1>"),
        ("/export", "", StatusCode::FOUND, ""),
        ("/none", &bob, StatusCode::FORBIDDEN, "<h1>Forbidden</h1>"),
        (
            "/office",
            &bob,
            StatusCode::OK,
            "bob 2 2@shop.example|figures of bob",
        ),
        (
            "/office",
            &ann,
            StatusCode::FORBIDDEN,
            "You are not allowed to see this page.",
        ),
        ("/office", "", StatusCode::FOUND, ""),
        ("/", &bob, StatusCode::OK, "bob the admin|figures of bob"),
        ("/", &ann, StatusCode::OK, "ann|no figures"),
        ("/", "", StatusCode::OK, "stranger|no figures"),
        ("/", &forged, StatusCode::OK, "stranger|no figures"),
        ("/shared", "", StatusCode::OK, "shared"),
    ] {
        let (got, headers, body) = ask(&router, opens(path), cookie).await;
        assert_eq!(got, status, "{path} {cookie}");
        assert!(body.contains(expected), "{path} {cookie}: {body}");
        assert_eq!(headers[CACHE_CONTROL], "private, no-store", "{path} {cookie}");
        assert_eq!(
            headers.contains_key("location"),
            status == StatusCode::FOUND,
            "{path} {cookie}"
        );
    }
    let (_, headers, _) = ask(&router, opens("/open"), &bob).await;
    assert_eq!(
        headers[CACHE_CONTROL], "public, max-age=60",
        "it does not depend on the user"
    );
}

#[tokio::test]
async fn a_visitor_comes_back_and_other_requests_get_401() {
    let (router, _) = (app().into_router().expect("good"), ());
    let (_, headers, _) = ask(&router, opens("/me?a=b&c=d%20e"), "").await;
    assert_eq!(headers["location"], "/login?next=/me%3Fa%3Db%26c%3Dd%2520e");
    for (case, request, status) in [
        (
            "a form",
            Request::post("/me").header("accept", "text/html"),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "a script",
            Request::get("/me")
                .header("sec-fetch-mode", "cors")
                .header("accept", "text/html"),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "a script over http",
            Request::get("/me").header("accept", "*/*"),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "a picture",
            Request::get("/me").header("sec-fetch-mode", "no-cors"),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "an old browser",
            Request::get("/me").header("accept", "text/html,*/*"),
            StatusCode::FOUND,
        ),
        (
            "a guarded form",
            Request::post("/export").header("accept", "text/html"),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "HEAD",
            Request::head("/me").header("accept", "text/html"),
            StatusCode::FOUND,
        ),
    ] {
        let (got, headers, _) = ask(&router, request, "").await;
        assert_eq!(
            (got, headers.contains_key("location")),
            (status, status == StatusCode::FOUND),
            "{case}"
        );
    }
}

#[tokio::test]
async fn a_service_without_keys_lets_no_user_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let bob = log_in(gateway(folder.path()).await, "bob").await;
    let router = app().into_router().expect("good");
    for path in ["/me", "/office", "/export"] {
        assert_eq!(
            ask(&router, opens(path), &bob).await.0,
            StatusCode::FOUND,
            "{path}"
        );
    }
    assert_eq!(ask(&router, opens("/"), &bob).await.2, "stranger|no figures");
    // Outside of an application there is no login either.
    let bare = Router::new().route("/", get(async |user: Option<User>| user.is_some().to_string()));
    assert_eq!(ask(&bare, opens("/"), &bob).await.2, "false");
}
