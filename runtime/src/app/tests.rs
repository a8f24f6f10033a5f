mod after_page;
mod asked;
mod calls;
mod channel;
mod errors;
mod failover;
mod files;
mod form_answers;
mod form_measures;
mod forms;
mod kept_cookies;
mod layered;
mod leaving;
#[cfg(feature = "upload")]
mod long_files;
mod not_rendered;
mod outputs;
mod overview;
mod page_forms;
mod prefilled;
mod start;
mod staying;
mod through_gateway;
mod traced;

use std::time::SystemTime;

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts, Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{Method, Request, StatusCode, header, request::Parts};
use hydra_runtime_wire::signing::{Call, Signer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::{Overview, settings::Partial};

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
            {"name": "home.html", "source": "<h1>{{ name }}</h1>{{ 0 | __hydra }}|{{ 1 | __hydra }}|{{ 2 | __hydra }}"},
            {"name": "#0/home.html", "source": "nothing"},
            {"name": "#1/home.html", "source": "{{ shout }}"},
            {"name": "#2/home.html", "source": "<b>{{ greeting }} {{ who }}</b>"},
            {"name": "#3/home.html", "source": "<i>{{ who }}{{ mark }}</i>"},
            {"name": "error.html", "source": "Sorry: {{ status }} {{ title }}. {{ 0 | __hydra }}"},
            {"name": "broken.html", "source": "{{ name.of.nobody }}"},
        ],
        "sites": [
            site("", "greeting", json!([{"from": "loud", "to": "shout"}])),
            site("elsewhere", "news", json!([])),
            {"place": {"file": "home.html", "line": 1, "column": 9}, "gives": [],
             "hole": {"body": {"template": "#1/home.html", "captures": ["shout"]}, "waits": ["shout"]}},
        ],
        "pages": [
            {"template": "home.html", "exports": ["shout"]},
            {"template": "error.html", "exports": []},
            {"template": "broken.html", "exports": []},
        ],
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
    type Imports = GreetingImports;
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
        return Err((StatusCode::NOT_FOUND, "there is no such visitor"));
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
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::NOT_FOUND, "there is no such visitor")
    );
}

async fn again(State(_): State<Hello>) -> Home {
    Home {
        name: "again".to_owned(),
    }
}

#[test]
fn two_pages_with_one_path_are_an_error_that_names_both() {
    let app = App::with_plan("shop", plan())
        .page(home)
        .page(again)
        .with_state(Hello("Hi"));
    let error = app.into_router().expect_err("one path");
    assert_eq!(
        error.to_string(),
        "two pages have the path `/home/{name}`: `Home` (`home.html`) and `Home` (`home.html`). Give one of them another path"
    );
}

/// Why an application does not start.
fn refusal(app: App<Hello>) -> Option<String> {
    let router = app.with_state(Hello("Hi")).into_router();
    router.err().map(|error| error.to_string())
}

#[test]
fn a_page_and_a_route_with_one_path_are_an_error_that_names_both() {
    async fn answer() {}
    let new = || App::<Hello>::with_plan("shop", plan());
    const BOTH: &str = "the page `Home` (`home.html`) and the route `/home/{name}` answer the same requests: give one of them another path, or the route another method";
    for (app, expected) in [
        (new().page(home).route("/home/{name}", get(answer)), Some(BOTH.to_owned())),
        (
            new().page(home).route("/home/{other}", routing::post(answer)),
            Some(BOTH.replace("{name}", "{other}")),
        ),
        (
            new().route("/home/{name}", get(answer).post(answer)).page(home),
            Some(
                "the route `/home/{name}` and the page `Home` (`home.html`) answer the same requests: give one of them another path, or the route another method"
                    .to_owned(),
            ),
        ),
        (
            new().route("/x", get(answer)).route("/x", get(answer)),
            Some(
                "the route `/x` and the route `/x` answer the same requests: give one of them another path, or the route another method"
                    .to_owned(),
            ),
        ),
        (new().page(home).route("/home/{name}", routing::post(answer)), None),
        (new().route("/home/{name}", routing::post(answer)).page(home), None),
        (new().page(home).route("/home", get(answer)), None),
        (new().route("/x", get(answer)).route("/x", routing::post(answer)), None),
    ] {
        assert_eq!(refusal(app), expected);
    }
}

#[test]
fn a_handler_whose_path_does_not_fit_is_an_error() {
    async fn two(Path((_, name)): Path<(u32, String)>) -> Home {
        Home { name }
    }
    let app = App::<Hello>::with_plan("shop", plan()).page(two);
    assert_eq!(
        refusal(app).as_deref(),
        Some(
            "the page `Home` (`home.html`) has the path `/home/{name}`: its handler takes `Path<(u32, String)>`, 2 values, and the path \
             has one, `name`. Take `Path(name): Path<String>`, or another type of one value"
        )
    );
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
    let service = assembled.registration.unwrap();
    tokio::spawn(service.run(([127, 0, 0, 1], 9).into(), stopped));
    (assembled.router, stop)
}
