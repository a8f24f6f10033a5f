//! A page whose content security policy lets only scripts with its nonce run: an application, and its own fragments.

use std::{net::TcpListener, thread};

use hydra_runtime::{
    App, Page, ScriptNonce,
    app::page_response,
    axum::{
        self, Extension,
        http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
        response::{IntoResponse, Response},
        routing::get,
    },
    serde::Serialize,
};
use hydra_tests::Browser;
use serde_json::json;

/// A page with a deferred and a lazy fragment. Each needs a script, and brings another of its own.
fn plan() -> String {
    let slot = |reference: &str, mode: &str| {
        json!({
            "place": {"file": "home.html", "line": 1, "column": 1}, "gives": [],
            "slot": {"service": {"fixed": ""}, "ref": {"fixed": reference}, "mode": mode},
        })
    };
    let fragment = |name: &str| format!("<b>{name}</b><script>document.body.dataset.own = 'ran'</script>");
    json!({
        "format": hydra_contract::PLAN_FORMAT,
        "templates": [
            {"name": "home.html", "source": "<!doctype html><html><head><title>Page</title></head><body>\
                <p id='deferred'>{{ 0 | __hydra }}</p><p id='lazy'>{{ 1 | __hydra }}</p></body></html>"},
            {"name": "#1/home.html", "source": fragment("deferred")},
            {"name": "#2/home.html", "source": fragment("lazy")},
        ],
        "sites": [slot("deferred", "deferred"), slot("lazy", "lazy")],
        "pages": [{"template": "home.html", "exports": []}],
        "contract": {"service": "", "fragments": {
            "deferred": {"scripts": ["/deferred.js"]},
            "lazy": {"scripts": ["/lazy.js"]},
        }},
        "offers": {"deferred": "#1/home.html", "lazy": "#2/home.html"},
    })
    .to_string()
}

#[derive(Serialize)]
#[serde(crate = "hydra_runtime::serde")]
struct Home {}

impl Page for Home {
    const TEMPLATE: &'static str = "home.html";
}

async fn home() -> impl IntoResponse {
    let nonce = ScriptNonce::try_new("n0nce").expect("a nonce");
    let policy = [(CONTENT_SECURITY_POLICY, "script-src 'nonce-n0nce'")];
    (Extension(nonce), policy, page_response(&Home {}))
}

/// A script that says that it ran.
fn script(name: &'static str) -> Response {
    let text = format!("document.body.dataset.{name} = 'ran'");
    ([(CONTENT_TYPE, "text/javascript")], text).into_response()
}

/// Serves the application until the test ends. Its address.
fn serve() -> String {
    let app = App::with_plan("shop", plan())
        .route("/", get(home))
        .route("/deferred.js", get(async || script("deferred")))
        .route("/lazy.js", get(async || script("lazy")));
    let router = app.into_router().expect("an application");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener for tokio");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, router).await
        })
    });
    format!("http://{address}")
}

#[test]
fn scripts_that_fragments_need_bear_the_nonce_of_their_page_and_scripts_in_their_html_do_not() {
    let browser = Browser::open();
    browser.go(&format!("{}/", serve()));
    for name in ["deferred", "lazy"] {
        browser.wait(
            &format!("return document.querySelector('#{name} b')?.textContent"),
            name,
        );
        browser.wait(&format!("return document.body.dataset.{name}"), "ran");
    }
    // They would have run as they came into the page, before the others were there.
    assert_eq!(
        browser.run("return document.body.dataset.own"),
        serde_json::Value::Null
    );
}
