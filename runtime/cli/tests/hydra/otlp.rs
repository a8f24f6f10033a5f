//! Spans at a collector: of a gateway, of a page behind it, and of the page's fragments.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use axum::{Json, Router, body::Body, response::Html, routing::get, routing::post};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::{
    front::Front,
    support::{Running, post as post_json, said, send, send_heartbeats, service, until},
};

const PAGE: &str = "<!doctype html><title>x</title>\n\
     <m:fragment service=\"legacy\" ref=\"banner\" timeout=\"20s\">no banner</m:fragment>\n\
     <m:fragment service=\"legacy\" ref=\"price\" timeout=\"20s\">no price</m:fragment>\n";

/// One span, as the collector got it.
#[derive(Clone, Debug)]
struct Span {
    /// The service that sent it.
    from: String,
    json: Value,
}

impl Span {
    fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_default()
    }

    fn number(&self, name: &str) -> u64 {
        let value = &self.json[name];
        let text = value.as_str().and_then(|text| text.parse().ok());
        text.or_else(|| value.as_u64()).unwrap_or_default()
    }

    fn attribute(&self, key: &str) -> &Value {
        let all = self.json["attributes"].as_array().expect("a list");
        let found = all.iter().find(|one| one["key"] == key);
        found.map_or(&Value::Null, |one| &one["value"])
    }
}

/// A collector that keeps all spans.
struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
    server: Running,
}

impl Collector {
    async fn start() -> Self {
        let spans = Arc::<Mutex<Vec<Span>>>::default();
        let kept = Arc::clone(&spans);
        let receive = async move |Json(message): Json<Value>| {
            kept.lock().expect("not poisoned").extend(spans_in(&message));
            Json(json!({}))
        };
        Self {
            spans,
            server: service(Router::new().route("/v1/traces", post(receive))).await,
        }
    }

    /// The spans of a trace.
    fn of(&self, trace: &str) -> Vec<Span> {
        let spans = self.spans.lock().expect("not poisoned");
        let of_trace = spans.iter().filter(|span| span.text("traceId") == trace);
        of_trace.cloned().collect()
    }
}

fn spans_in(message: &Value) -> Vec<Span> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut spans = Vec::new();
    for resource in list(&message["resourceSpans"]) {
        let attributes = list(&resource["resource"]["attributes"]);
        let name = attributes.iter().find(|one| one["key"] == "service.name");
        let from = name.map_or(Value::Null, |one| one["value"]["stringValue"].clone());
        let from = from.as_str().unwrap_or_default().to_owned();
        for scope in list(&resource["scopeSpans"]) {
            let all = list(&scope["spans"]).into_iter();
            spans.extend(all.map(|json| Span {
                from: from.clone(),
                json,
            }));
        }
    }
    spans
}

/// A gateway in front of a site with the page, both with this collector.
async fn site(collector: &Collector, gateway_settings: &str) -> (Running, Front, Front) {
    let fragments = Router::new()
        .route("/banner", get(async || Html("<b>banner</b>")))
        .route("/price", get(async || Html("<b>price</b>")));
    let origin = service(fragments).await;
    let common = format!(
        "listen = '127.0.0.1:0'\nadmin_listen = 'off'\ntrusted_proxies = '127.0.0.1'\notlp_endpoint = '{}'\n",
        collector.server.url("")
    );
    let site = Front::start_program(
        |folder| {
            fs::create_dir(folder.join("pages")).expect("a folder");
            fs::write(folder.join("pages/index.html"), PAGE).expect("written");
            format!(
                "{common}[[service]]\nname = 'legacy'\nurl = '{}'\nfragments = {{ banner = '/banner', price = '/price' }}\n\
                 [serve]\npage_deadline = '20s'\n",
                origin.url("")
            )
        },
        |folder| {
            let pages = folder.join("pages").display().to_string();
            ["serve", &pages, "--with-gateway", "--no-reload"]
                .map(str::to_owned)
                .to_vec()
        },
        1,
    );
    let gateway = Front::start(
        |_| {
            format!(
                "{common}{gateway_settings}\n[[service]]\nname = 'shop'\nurl = '{}'\nendpoints = ['/**']\n",
                site.urls[0]
            )
        },
        1,
    );
    (origin, site, gateway)
}

async fn visit(gateway: &Front, traceparent: &str) {
    let stream = TcpStream::connect(gateway.address(0)).await.expect("a gateway");
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.expect("a connection");
    tokio::spawn(connection);
    let request = http::Request::get("/").header("host", "site.test");
    let request = request.header("traceparent", traceparent);
    let request = request.body(Empty::<bytes::Bytes>::new()).expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let page = answer.into_body().collect().await.expect("a page").to_bytes();
    let page = String::from_utf8_lossy(&page).into_owned();
    assert!(
        page.contains("<b>banner</b>") && page.contains("<b>price</b>"),
        "{page}"
    );
}

#[tokio::test]
async fn a_page_with_two_fragments_is_a_tree_of_spans_over_both_processes() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const UNSAMPLED: &str = "1af7651916cd43dd8448eb211c80319c";
    const CALLER: &str = "b7ad6b7169203331";
    let collector = Collector::start().await;
    let (_origin, _site, gateway) = site(&collector, "").await;
    // The caller decides whether a trace is kept.
    visit(&gateway, &format!("00-{UNSAMPLED}-{CALLER}-00")).await;
    visit(&gateway, &format!("00-{TRACE}-{CALLER}-01")).await;
    until("all spans are there", async || collector.of(TRACE).len() >= 4).await;
    let spans = collector.of(TRACE);
    let named = |name: &str| {
        let mut found = spans.iter().filter(|span| span.text("name") == name);
        let span = found.next().unwrap_or_else(|| panic!("{name}: {spans:?}"));
        assert!(found.next().is_none(), "{name} twice: {spans:?}");
        span
    };
    let proxy = named("GET /**");
    assert_eq!(
        (proxy.from.as_str(), proxy.text("parentSpanId")),
        ("hydra-gateway", CALLER)
    );
    assert_eq!(proxy.attribute("hydra.service")["stringValue"], "shop");
    let page = named("GET index.html");
    assert_eq!(page.text("parentSpanId"), proxy.text("spanId"));
    let fragments = [named("fragment legacy/banner"), named("fragment legacy/price")];
    for fragment in fragments {
        assert_eq!(fragment.text("parentSpanId"), page.text("spanId"));
        assert_eq!(
            fragment.attribute("hydra.fragment.outcome")["stringValue"],
            "rendered"
        );
        assert_eq!(fragment.number("kind"), 3, "a client");
    }
    assert_eq!(spans.len(), 4, "{spans:?}");
    for span in [proxy, page] {
        assert_eq!(span.number("kind"), 2, "a server");
        assert_eq!(
            span.attribute("http.response.status_code")["intValue"]
                .to_string()
                .trim_matches('"'),
            "200"
        );
    }
    for span in &spans {
        let (start, end) = (span.number("startTimeUnixNano"), span.number("endTimeUnixNano"));
        assert!(start > 0 && start <= end, "{span:?}");
    }
    let ids: std::collections::HashSet<_> = spans.iter().map(|span| span.text("spanId")).collect();
    assert_eq!(ids.len(), 4);
    assert!(collector.of(UNSAMPLED).is_empty());
}

/// The service `orders`, whose action is done, and the `traceparent` of the form that it gets.
async fn orders(gateway: &Front) -> (Running, Arc<Mutex<String>>) {
    let seen = Arc::<Mutex<String>>::default();
    let kept = Arc::clone(&seen);
    let action = async move |headers: HeaderMap| {
        let parent = headers["traceparent"].to_str().expect("text").to_owned();
        *kept.lock().expect("not poisoned") = parent;
        Json(json!({"outcome": "done", "ref": "checkout", "action": "place"}))
    };
    let orders = service(Router::new().route("/h/action/hydra", post(action))).await;
    let more = json!({
        "protocol": 2, "instance": "8b7a1f52-1f0e-4b4e-9d0c-2f6f0d7f6a11",
        "contract": {"service": "orders", "fragments": {"checkout": {"actions": {"place": {}}}}},
    });
    let registration = format!("{}/h/discovery/hydra/registration", gateway.urls[0]);
    let answer = post_json(&registration, &said("orders", &orders, more)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    send_heartbeats(gateway.address(0).parse().expect("an address"), &["orders"]);
    (orders, seen)
}

#[tokio::test]
async fn a_form_is_a_span_below_that_of_its_request_and_its_owner_continues_the_trace() {
    const TRACE: &str = "4af7651916cd43dd8448eb211c80319c";
    let collector = Collector::start().await;
    let (_origin, _site, gateway) = site(&collector, "").await;
    let (_orders, seen) = orders(&gateway).await;
    // `orders`, and bytes that only it could read.
    let form = Request::post(format!("{}/?hydra-form=b3JkZXJz.c2VhbGVk", gateway.urls[0]))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"));
    let answered = send(form.body(Body::from("card=1")).expect("a request")).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER, "{}", answered.text());
    until("both spans are there", async || collector.of(TRACE).len() >= 2).await;
    let spans = collector.of(TRACE);
    let action = spans
        .iter()
        .find(|span| span.text("name") == "action orders/checkout/place");
    let action = action.unwrap_or_else(|| panic!("{spans:?}"));
    let request = spans
        .iter()
        .find(|span| span.number("kind") == 2)
        .expect("a server");
    assert_eq!(spans.len(), 2, "{spans:?}");
    assert_eq!(action.text("parentSpanId"), request.text("spanId"));
    assert_eq!(action.number("kind"), 3, "a client");
    let outcome = &action.attribute("hydra.action.outcome")["stringValue"];
    assert_eq!(outcome, "done");
    let parent = seen.lock().expect("not poisoned").clone();
    assert_eq!(parent, format!("00-{TRACE}-{}-01", request.text("spanId")));
}

#[tokio::test]
async fn the_last_spans_are_sent_before_the_process_ends() {
    const TRACE: &str = "2af7651916cd43dd8448eb211c80319c";
    let collector = Collector::start().await;
    let (_origin, mut site, mut gateway) = site(&collector, "stop_grace = '0s'").await;
    visit(&gateway, &format!("00-{TRACE}-b7ad6b7169203331-01")).await;
    for front in [&mut gateway, &mut site] {
        front.signal("-TERM");
    }
    let ended = tokio::task::spawn_blocking(move || [gateway.ended(), site.ended()]);
    let ended = ended.await.expect("no panic");
    assert!(ended.iter().all(std::process::ExitStatus::success), "{ended:?}");
    assert_eq!(collector.of(TRACE).len(), 4);
}

#[tokio::test]
async fn a_collector_that_is_away_slows_nothing_and_is_logged() {
    const TRACE: &str = "3af7651916cd43dd8448eb211c80319c";
    let collector = Collector::start().await;
    let (_origin, _site, gateway) = site(&collector, "").await;
    collector.server.stop().await;
    for number in 0..20 {
        visit(&gateway, &format!("00-{TRACE}-b7ad6b71692033{number:02}-01")).await;
    }
    gateway.logged("the collector did not take spans", 1).await;
    visit(&gateway, &format!("00-{TRACE}-b7ad6b7169203331-01")).await;
}
