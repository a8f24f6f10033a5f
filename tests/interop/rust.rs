//! The Rust application: a page with fragments of the Java application, and a fragment for its pages.

use std::thread;

use hydra_runtime::{App, Page, Route, app::page_response, settings::Partial};
use serde_json::json;

/// The application's plan, as the compiler would make it of two templates.
fn plan() -> String {
    let site = |number: usize, reference: &str, imports: serde_json::Value| {
        json!({
            "place": {"file": "rust.html", "line": 1, "column": number + 1}, "gives": [],
            "slot": {"service": {"fixed": "java-shop"}, "ref": {"fixed": reference}, "imports": imports, "exports": [],
                     "fallback": {"template": format!("#{number}/rust.html"), "captures": []}},
        })
    };
    let fallback = |number: usize, reference: &str| json!({"name": format!("#{number}/rust.html"), "source": format!("no {reference}")});
    let page = "<h1>Rust</h1>{{ 0 | __hydra }}|{{ 1 | __hydra }}|{{ 2 | __hydra }}|{{ 3 | __hydra }}|";
    json!({
        "format": hydra_contract::PLAN_FORMAT,
        "templates": [
            {"name": "rust.html", "source": page},
            fallback(0, "counter"), fallback(1, "echo"), fallback(2, "throws"), fallback(3, "unknown"),
            {"name": "#4/greeting.html", "source": "<em>Hello {{ name }}!</em>"},
        ],
        "sites": [
            site(0, "counter", json!([])),
            site(1, "echo", json!([{"from": ["name"], "to": "customer"}])),
            site(2, "throws", json!([])),
            site(3, "unknown", json!([])),
        ],
        "pages": [{"template": "rust.html", "exports": []}],
        "contract": {"service": "", "fragments": {
            "greeting": {"imports": {"name": {"type": "string", "default": "stranger"}}},
        }},
        "offers": {"greeting": "#4/greeting.html"},
    })
    .to_string()
}

#[derive(serde::Serialize)]
struct Home {
    name: &'static str,
}

impl Page for Home {
    const TEMPLATE: &'static str = "rust.html";
}

impl Route for Home {
    const PATH: &'static str = "/rust";
}

impl hydra_runtime::axum::response::IntoResponse for Home {
    fn into_response(self) -> hydra_runtime::axum::response::Response {
        page_response(&self)
    }
}

/// Starts it in a thread of this process, which ends with the test.
pub(crate) fn start(gateway: &str, private_key: &str) {
    let settings = Partial::default()
        .gateway(gateway)
        .private_key(private_key)
        .public_key("interop")
        .listen("127.0.0.1:0");
    let app = App::with_plan("rust", plan())
        .page(async || Home { name: "Bob" })
        .settings(settings);
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(app.serve()).expect("it serves");
    });
}
