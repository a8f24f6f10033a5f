//! The id and the trace of a request, down to a fragment in a fragment: a gateway, two applications and a web server.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::HeaderMap;
use hydra_runtime_gateway::{Gateway, GatewayConfig};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{
    through_gateway::{KEY, run},
    *,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A plan with one page and one fragment, each with the fragment `reference` of `service`.
fn plan_with(service: &str, reference: &str) -> String {
    json!({
        "format": hydra_contract::PLAN_FORMAT,
        "templates": [
            {"name": "home.html", "source": "<h1>{{ name }}</h1>{{ 0 | __hydra }}"},
            {"name": "#0/outer.html", "source": "<b>{{ 0 | __hydra }}</b>"},
        ],
        "sites": [{
            "place": {"file": "home.html", "line": 1, "column": 1}, "gives": [],
            "slot": {"service": {"fixed": service}, "ref": {"fixed": reference}, "imports": [], "exports": []},
        }],
        "pages": [{"template": "home.html", "exports": []}],
        "contract": {"service": "", "fragments": {"outer": {"imports": {}, "exports": {}}}},
        "offers": {"outer": "#0/outer.html"},
    })
    .to_string()
}

async fn page(Path(name): Path<String>) -> Home {
    Home { name }
}

#[derive(Serialize)]
struct Outer {}

impl Fragment for Outer {
    const REF: &'static str = "outer";
    type Imports = ();
    const EXPORTS: &'static [&'static str] = &[];
}

impl IntoResponse for Outer {
    fn into_response(self) -> Response {
        fragment_response(&self)
    }
}

async fn outer() -> Outer {
    Outer {}
}

/// A server whose address and latest headers are known.
async fn web_server() -> (SocketAddr, Arc<Mutex<HeaderMap>>) {
    let seen = Arc::new(Mutex::new(HeaderMap::new()));
    let remembered = Arc::clone(&seen);
    let price = get(async move |headers: HeaderMap| {
        *remembered.lock().unwrap() = headers;
        axum::response::Html("<i>12 euros</i>")
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/price", price);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, seen)
}

/// The page of Ann, for a visitor behind a trusted proxy that sends these header lines.
async fn opened(gateway: SocketAddr, headers: &str) -> String {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let request =
        format!("GET /home/Ann HTTP/1.1\r\nhost: shop.example\r\n{headers}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_fragment_in_a_fragment_has_the_id_and_the_trace_of_the_page() {
    let (legacy, seen) = web_server().await;
    let config = format!(
        "private_key = '{KEY}'\ntrusted_proxies = '127.0.0.1'\n\
         [[service]]\nname = 'legacy'\nurl = 'http://{legacy}'\nfragments = {{ price = '/price' }}\n"
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = listener.local_addr().unwrap();
    let serving = Gateway::new(GatewayConfig::from_toml(&config).unwrap()).unwrap();
    tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
    let orders = App::with_plan("orders", plan_with("legacy", "price")).fragment(outer);
    let shop = App::with_plan("shop", plan_with("orders", "outer")).page(page);
    let _running = [run(orders, gateway, None).await, run(shop, gateway, None).await];
    let whole = async {
        while !opened(gateway, "").await.contains("<b><i>12 euros</i></b>") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), whole)
        .await
        .expect("the page with both fragments");
    let headers = format!(
        "traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\ntracestate: a=1,b=2\r\nx-request-id: my-request.7\r\n"
    );
    let page = opened(gateway, &headers).await;
    assert!(page.contains("<b><i>12 euros</i></b>"), "{page}");
    let seen = seen.lock().unwrap().clone();
    let of = |name: &str| seen[name].to_str().unwrap();
    assert_eq!(
        (of("x-request-id"), of("tracestate")),
        ("my-request.7", "a=1,b=2")
    );
    let parts: Vec<_> = of("traceparent").split('-').collect();
    assert_eq!((parts[0], parts[1], parts[3]), ("00", TRACE, "01"), "{seen:?}");
    assert_ne!(
        parts[2], "00f067aa0ba902b7",
        "the gateway has a part of its own in the trace"
    );
}
