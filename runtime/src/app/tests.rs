mod asked;
mod failover;
mod later;

use std::time::SystemTime;

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts, Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{Request, StatusCode, header, request::Parts};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::{Overview, signing::Signer};

/// One page that embeds the fragment `greeting` of this service and `news` of another, and what both need.
fn plan() -> String {
    let site = |service: &str, reference: &str, exports: Value| {
        json!({
            "place": {"file": "home.html", "line": 1, "column": 1}, "gives": ["shout"],
            "slot": {"service": {"fixed": service}, "ref": {"fixed": reference},
                     "imports": [{"from": ["name"], "to": "who"}], "exports": exports,
                     "fallback": {"template": "#0/home.html", "captures": []}},
        })
    };
    json!({
        "format": hydra_contract::PLAN_FORMAT,
        "templates": [
            {"name": "home.html", "source": "<h1>{{ name }}</h1>{{ __hydra(n=0) }}|{{ __hydra(n=1) }}|{{ __hydra(n=2) }}"},
            {"name": "#0/home.html", "source": "nothing"},
            {"name": "#1/home.html", "source": "{{ shout }}"},
            {"name": "#2/home.html", "source": "<b>{{ greeting }} {{ who }}</b>"},
            {"name": "#3/home.html", "source": "<i>{{ who }}{{ mark }}</i>"},
        ],
        "sites": [
            site("", "greeting", json!([{"from": "loud", "to": "shout"}])),
            site("elsewhere", "news", json!([])),
            {"place": {"file": "home.html", "line": 1, "column": 9}, "gives": [],
             "hole": {"body": {"template": "#1/home.html", "captures": ["shout"]}, "waits": ["shout"]}},
        ],
        "pages": [{"template": "home.html", "exports": ["shout"]}],
        "contract": {"service": "", "fragments": {
            "greeting": {"imports": {"who": {"type": "string"}}, "exports": {"loud": "string"}},
            "plain": {"imports": {"who": {}, "mark": {"default": "!"}}},
        }},
        "offers": {"greeting": "#2/home.html", "plain": "#3/home.html"},
    })
    .to_string()
}

#[derive(Serialize)]
struct Home {
    name: String,
}

impl Page for Home {
    const TEMPLATE: &'static str = "home.html";
}

impl Route for Home {
    const PATH: &'static str = "/home/{name}";
}

impl IntoResponse for Home {
    fn into_response(self) -> Response {
        page_response(&self)
    }
}

#[derive(Deserialize)]
struct GreetingImports {
    who: String,
}

impl<S: Sync> FromRequestParts<S> for GreetingImports {
    type Rejection = ImportsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ImportsRejection> {
        imports(parts)
    }
}

#[derive(Serialize)]
struct Greeting {
    greeting: &'static str,
    loud: String,
}

impl Fragment for Greeting {
    const REF: &'static str = "greeting";
    const EXPORTS: &'static [&'static str] = &["loud"];
}

impl IntoResponse for Greeting {
    fn into_response(self) -> Response {
        fragment_response(&self)
    }
}

#[derive(Clone)]
struct Hello(&'static str);

async fn home(State(_): State<Hello>, Path(name): Path<String>) -> Result<Home, (StatusCode, &'static str)> {
    if name == "nobody" {
        return Err((StatusCode::NOT_FOUND, "nobody is here"));
    }
    Ok(Home { name })
}

async fn greeting(State(hello): State<Hello>, imports: GreetingImports) -> Result<Greeting, StatusCode> {
    match imports.who.as_str() {
        "stranger" => Err(StatusCode::FORBIDDEN),
        "panic" => panic!("as asked"),
        who => Ok(Greeting {
            greeting: hello.0,
            loud: who.to_uppercase(),
        }),
    }
}

async fn gone() -> impl IntoResponse {
    (
        StatusCode::GONE,
        [("x-own", "1")],
        Home {
            name: "past".to_owned(),
        },
    )
}

fn app() -> App {
    App::with_plan("shop", plan())
        .page(home)
        .fragment(greeting)
        .route("/gone", get(gone))
        .with_state(Hello("Hi"))
}

async fn answer(app: App, request: Request<Body>) -> (StatusCode, http::HeaderMap, String) {
    let response = app.into_router().unwrap().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    (
        parts.status,
        parts.headers,
        String::from_utf8(body.to_vec()).unwrap(),
    )
}

fn visit(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn call(key: &str, body: impl ToString) -> Request<Body> {
    Request::post(format!("/h/fragment/{key}/requestFragment"))
        .body(Body::from(body.to_string()))
        .unwrap()
}

#[tokio::test]
async fn a_page_holds_its_attributes_its_fragments_their_exports_and_fallbacks() {
    let (status, headers, body) = answer(app(), visit("/home/Ann")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
    assert_eq!(body, "<h1>Ann</h1><b>Hi Ann</b>|nothing|ANN");
}

#[tokio::test]
async fn a_handler_that_gives_an_error_is_shown_as_axum_shows_it() {
    let (status, _, body) = answer(app(), visit("/home/nobody")).await;
    assert_eq!((status, body.as_str()), (StatusCode::NOT_FOUND, "nobody is here"));
}

#[tokio::test]
async fn the_status_and_headers_beside_a_page_are_kept() {
    let (status, headers, body) = answer(app(), visit("/gone")).await;
    assert_eq!(
        (status, &headers["x-own"]),
        (StatusCode::GONE, &http::HeaderValue::from_static("1"))
    );
    assert!(body.starts_with("<h1>past</h1>"), "{body}");
}

#[tokio::test]
async fn a_fragment_that_fails_costs_the_page_nothing_else() {
    for name in ["stranger", "panic"] {
        let (status, _, body) = answer(app(), visit(&format!("/home/{name}"))).await;
        assert_eq!(
            (status, body),
            (StatusCode::OK, format!("<h1>{name}</h1>nothing|nothing|"))
        );
    }
}

#[tokio::test]
async fn a_wrong_key_is_not_found_and_gets_an_empty_array() {
    let (status, _, body) = answer(app(), call("other", json!({"attributes": {}, "requests": []}))).await;
    assert_eq!((status, body.as_str()), (StatusCode::NOT_FOUND, "[]"));
}

#[tokio::test]
async fn protocol_1_gets_an_array_and_its_attributes_only_as_far_as_the_contract_names_them() {
    let body = json!({"attributes": {"who": "Ann", "greeting": "Bye"},
                      "requests": [{"id": "$#1", "service": "shop", "ref": "greeting", "imports": null,
                                    "exports": [], "fallback": "x"}]});
    let (status, _, body) = answer(app(), call("hydra", body)).await;
    assert_eq!(status, StatusCode::OK);
    let expected = json!([{"renderedHTML": "<b>Hi Ann</b>", "id": "$#1"}]);
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
}

#[tokio::test]
async fn protocol_1_gets_500_for_a_fragment_that_is_not_offered() {
    let body = json!({"attributes": {}, "requests": [{"id": "1", "ref": "none"}]});
    assert_eq!(
        answer(app(), call("hydra", body)).await.0,
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

/// Asks by protocol 2 for the fragment `item` and gives its part of the answer.
async fn resolve(item: Value) -> Value {
    let body = json!({"protocol": 2, "requests": {"shop": [item]}});
    let (status, _, body) = answer(app(), call("hydra", body)).await;
    assert_eq!(status, StatusCode::OK);
    serde_json::from_str::<Value>(&body).unwrap()["fragments"][0].take()
}

#[tokio::test]
async fn protocol_2_gets_the_exports_that_it_names_and_no_others() {
    let item = |exports: Value| json!({"id": "a", "ref": "greeting", "attributes": {"who": "Ann"}, "exports": exports, "deadline": 5000});
    let fragment = resolve(item(json!(["loud as shout", "greeting", "who"]))).await;
    assert_eq!(fragment["renderedHTML"], "<b>Hi Ann</b>");
    assert_eq!(fragment["outcome"], "rendered");
    assert_eq!(fragment["exports"], json!({"loud": "ANN"}));
    assert_eq!(resolve(item(json!([]))).await.get("exports"), None);
}

#[tokio::test]
async fn protocol_2_hears_what_became_of_a_fragment() {
    let cases = [
        (json!({"id": "a", "ref": "none", "attributes": {}}), "failed"),
        (
            json!({"id": "a", "ref": "greeting", "attributes": {"who": "stranger"}}),
            "refused",
        ),
        (
            json!({"id": "a", "ref": "greeting", "attributes": {"who": 1}}),
            "failed",
        ),
        (json!({"id": "a", "ref": "greeting", "attributes": {}}), "failed"),
        (
            json!({"id": "a", "ref": "greeting", "attributes": {"who": "A"}, "trail": ["shop/greeting"]}),
            "refused",
        ),
    ];
    for (item, outcome) in cases {
        let fragment = resolve(item.clone()).await;
        assert_eq!(
            (&fragment["outcome"], &fragment["id"]),
            (&json!(outcome), &json!("a")),
            "{item}"
        );
        assert_eq!(fragment["renderedHTML"], Value::Null);
    }
}

#[tokio::test]
async fn a_fragment_without_a_handler_shows_its_imports_and_their_defaults() {
    let fragment =
        resolve(json!({"id": "a", "ref": "plain", "attributes": {"who": "<Ann>", "mark": null}})).await;
    assert_eq!(fragment["renderedHTML"], "<i>&lt;Ann&gt;!</i>");
}

#[tokio::test]
async fn a_wrong_key_gets_404_and_an_empty_list() {
    for key in ["X", "%ff"] {
        let (status, _, body) = answer(app(), call(key, json!({}))).await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_FOUND, "[]"), "{key}");
    }
}

#[tokio::test]
async fn an_item_without_a_name_costs_only_itself() {
    let items = json!([null, {"id": "1", "ref": null}, {"id": "2", "ref": "plain"}]);
    let body = json!({"attributes": {"who": "Ann"}, "requests": items});
    let (status, _, body) = answer(app(), call("hydra", body)).await;
    assert_eq!(status, StatusCode::OK);
    let items: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(items[0], json!({"id": "1", "renderedHTML": null}));
    assert!(items[1]["renderedHTML"].is_string(), "{items}");
}

#[tokio::test]
async fn a_call_that_is_none_or_too_large_is_refused_with_the_reason() {
    for (body, status) in [
        ("{".to_owned(), StatusCode::BAD_REQUEST),
        ("\"x\"".to_owned(), StatusCode::BAD_REQUEST),
        (r#"{"requests": 1}"#.to_owned(), StatusCode::BAD_REQUEST),
        (" ".repeat(9 << 20), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let (answered, _, reason) = answer(app(), call("hydra", body)).await;
        assert_eq!(answered, status);
        assert!(!reason.is_empty());
    }
}

#[tokio::test]
async fn with_a_private_key_only_signed_calls_are_answered() {
    let (key, body) = (
        "a private key for tests",
        json!({"protocol": 2, "requests": {}}).to_string(),
    );
    let app = || app().settings(Partial::default().private_key(key));
    let (status, _, reason) = answer(app(), call("hydra", &body)).await;
    assert_eq!(
        (status, reason.as_str()),
        (StatusCode::UNAUTHORIZED, "the call is not signed")
    );
    let signer = Signer::new(key, "hydra");
    for (signed, expected) in [
        (body.as_str(), StatusCode::OK),
        ("another body", StatusCode::UNAUTHORIZED),
    ] {
        let signature = signer
            .sign("hydra", signed.as_bytes(), SystemTime::now())
            .unwrap();
        let mut call = call("hydra", &body);
        call.headers_mut().insert(header::AUTHORIZATION, signature);
        assert_eq!(answer(app(), call).await.0, expected);
    }
}

#[tokio::test]
async fn static_files_are_served_with_validators() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shop.css"), "body {}").unwrap();
    let app = || app().static_files(folder.path());
    let (status, headers, body) = answer(app(), visit("/static/shop.css")).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "body {}"));
    assert_eq!(headers[header::CONTENT_TYPE], "text/css");
    assert!(headers.contains_key(header::LAST_MODIFIED));
    let mut again = visit("/static/shop.css");
    again
        .headers_mut()
        .insert(header::IF_NONE_MATCH, headers[header::ETAG].clone());
    assert_eq!(answer(app(), again).await.0, StatusCode::NOT_MODIFIED);
    assert_eq!(
        answer(app(), visit("/static/../Cargo.toml")).await.0,
        StatusCode::NOT_FOUND
    );
}

fn error(app: App) -> String {
    app.into_router().map(drop).unwrap_err().to_string()
}

#[test]
fn what_can_not_start_says_why() {
    let other = plan().replace("\"greeting\":\"#2", "\"greetings\":\"#2");
    let app = App::with_plan("shop", other)
        .fragment(greeting)
        .with_state(Hello(""));
    let message = error(app);
    assert!(
        message.contains("`greeting`; they offer `greetings`, `plain`"),
        "{message}"
    );
    assert!(error(App::with_plan("shop", "{}")).contains("one version"));
    assert!(error(app_with("no such folder")).contains("no such folder"));
}

#[test]
fn what_no_gateway_takes_is_an_error_at_the_start() {
    let registered = || {
        let settings = Partial::default()
            .gateway("http://127.0.0.1:9")
            .listen("127.0.0.1:0");
        app().settings(settings)
    };
    let paths = |count: usize, path: fn(usize) -> String| (0..count).map(path).collect::<Vec<_>>();
    let endpoints = paths(10_001, |n| format!("/p{n}"));
    let app = registered().merge(Router::new(), endpoints.iter().map(String::as_str));
    assert!(error(app).contains("`endpoints` has more than 10000"));
    let globs = paths(101, |n| format!("/*.{n}"));
    let app = registered().merge(Router::new(), globs.iter().map(String::as_str));
    assert!(error(app).contains("more than 100 patterns"));
    let menu = (0..10_001).fold(registered(), |app, n| app.menu("main", format!("/{n}"), "x"));
    assert!(error(menu).contains("`menuItems` has more than"));
    // A path that belongs to the gateway is an application's own affair: it may be for who calls it directly.
    let own = registered().route("/health", get(async || ""));
    assert!(own.into_router().is_ok());
}

fn app_with(folder: &str) -> App {
    app().static_files(folder)
}

#[tokio::test]
async fn a_taken_port_is_said_in_words() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let app = app().settings(Partial::default().listen(address));
    let message = app
        .serve_until(std::future::pending())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("is taken") && message.contains("HYDRA_LISTEN"),
        "{message}"
    );
}

#[tokio::test]
async fn it_serves_until_it_is_told_to_stop() {
    let app = app().settings(Partial::default().listen("127.0.0.1:0"));
    app.serve_until(std::future::ready(())).await.unwrap();
}

/// Starts an application without templates that signs its calls to the gateway.
async fn start(
    app: App,
    gateway: std::net::SocketAddr,
    key: &str,
) -> (Router, tokio::sync::watch::Sender<bool>) {
    let partial = Partial::default()
        .gateway(format!("http://{gateway}"))
        .private_key(key);
    let assembled = app.settings(partial).assemble().unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let service = assembled.service.unwrap();
    tokio::spawn(service.run(([127, 0, 0, 1], 9).into(), stopped));
    (assembled.router, stop)
}

#[tokio::test]
async fn handlers_see_services_that_came_later_in_the_overview() {
    use crate::gateway::{Gateway, GatewayConfig, Secret};
    const PLAN: &str = r#"{"format": 2, "templates": [], "sites": [], "pages": [],
        "contract": {"service": ""}, "offers": {}}"#;
    let key = "a private key for tests";
    let config = GatewayConfig {
        private_key: Some(Secret::new(key.to_owned())),
        ..GatewayConfig::default()
    };
    let gateway = Gateway::new(config).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { gateway.serve(listener, std::future::pending()).await });
    let menu = async |overview: Overview| {
        let links = overview.menu("main").iter();
        let links: Vec<_> = links.map(|link| link.label.as_str()).collect();
        format!("{} {}", links.join(","), overview.has_page("/late/x"))
    };
    let shop = App::with_plan("shop", PLAN).menu("main", "/", "Home");
    let (router, _stop) = start(shop.route("/menu", get(menu)), address, key).await;
    let shown = async |expected: &str| {
        for _ in 0..500 {
            let answer = router.clone().oneshot(visit("/menu")).await.unwrap();
            let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
            if body == expected {
                return true;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        false
    };
    assert!(shown("Home false").await);
    let late = App::with_plan("late", PLAN)
        .route("/late/{id}", get(async || ""))
        .menu("main", "/late/1", "Late");
    let (_router, _stop_late) = start(late, address, key).await;
    assert!(shown("Home,Late true").await);
}

#[tokio::test]
async fn outside_of_an_application_there_is_no_overview() {
    let router = Router::new().route("/", get(async |_: Overview| ""));
    let response = router.oneshot(visit("/")).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_fragments_handler_says_with_a_header_how_long_it_may_be_used_again() {
    let says = |value: &'static str| async move {
        let handler = move |imports: GreetingImports| async move {
            let greeting = Greeting {
                greeting: "Hi",
                loud: imports.who,
            };
            Ok::<_, StatusCode>(([(header::CACHE_CONTROL, value)], greeting))
        };
        let app = App::with_plan("shop", plan()).fragment(handler);
        let body = json!({"protocol": 2, "requests": {"shop": [{"id": "1", "ref": "greeting", "attributes": {"who": "a"}}]}});
        let (_, _, text) = answer(app, call("hydra", body)).await;
        serde_json::from_str::<Value>(&text).expect("an answer")["fragments"][0]["maxAge"].clone()
    };
    assert_eq!(says("max-age=30").await, json!(30_000));
    assert_eq!(says("no-store").await, json!(0));
    assert_eq!(says("must-revalidate").await, Value::Null);
}
