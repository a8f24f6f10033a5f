//! Limits on requests, settings of single routes, and compression, over real sockets.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::Html,
    routing::{any, get as on_get},
};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use hydra_runtime_gateway::GatewayConfig;
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use crate::support::{Answer, Running, gateway_with, get, post, send, service, until};

const TEXT: &str = "All work is done beside the street. ";

/// A gateway with these settings in front of `router`, whose paths are all endpoints.
async fn gateway(settings: &str, router: Router) -> (Running, Running) {
    let origin = service(router).await;
    let text = format!(
        "{settings}\n[[service]]\nname = 'a'\nurl = '{}'\nendpoints = ['/**']\n",
        origin.url("")
    );
    let config = GatewayConfig::from_toml(&text).expect("good");
    (gateway_with(config).await, origin)
}

async fn get_with(url: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn requests_beyond_a_rate_get_429_by_the_address_that_trusted_proxies_state() {
    let settings =
        "trusted_proxies = '127.0.0.1'\nrate = '3/h'\n[[route]]\npath = '/sign-in'\nrate = '60/h'\nburst = 1";
    let (gateway, _origin) = gateway(settings, Router::new().fallback(async || "here")).await;
    let ask = async |path: &str, from: &str| {
        let answer = get_with(&gateway.url(path), &[("x-forwarded-for", from)]).await;
        (answer.status.as_u16(), answer.headers)
    };
    for (path, from, expected) in [
        ("/sign-in", "192.0.2.1", 200),
        ("/sign-in", "192.0.2.1", 429),
        ("/%73ign-in", "192.0.2.1", 429),
        // The refused ones count in all, but not at the path.
        ("/", "192.0.2.1", 429),
        ("/sign-in", "192.0.2.2", 200),
        // A visitor may write what they like in front of it.
        ("/sign-in", "198.51.100.7, 192.0.2.2", 429),
        ("/sign-in", "2001:db8::1", 200),
        ("/sign-in", "2001:db8::2", 429),
        ("/sign-in", "2001:db8:0:1::2", 200),
    ] {
        let (status, headers) = ask(path, from).await;
        assert_eq!(status, expected, "{path} {from}");
        if status == 429 {
            let wait: u32 = headers[header::RETRY_AFTER]
                .to_str()
                .expect("text")
                .parse()
                .expect("a number");
            assert!((1..=3_600).contains(&wait), "{wait}");
        }
    }
    // Services and operators are not visitors.
    for _ in 0..5 {
        assert_eq!(get(&gateway.url("/health")).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn requests_in_flight_are_bounded_and_further_ones_wait_for_a_while() {
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (here, now) = (Arc::clone(&arrived), Arc::clone(&go_on));
    let slow = async move || {
        here.notify_one();
        now.notified().await;
        "slow"
    };
    let router = Router::new()
        .route("/slow", on_get(slow))
        .route("/fast", on_get(async || "fast"));
    let (gateway, _origin) = gateway("max_requests = 1\nmax_queue = 1\nqueue_timeout = '10s'", router).await;
    let ask = |path: &str| {
        let url = gateway.url(path);
        tokio::spawn(async move { get(&url).await })
    };
    let slow = ask("/slow");
    arrived.notified().await;
    let waiting = [ask("/fast"), ask("/fast")];
    // One of them waits, and the other finds the queue full.
    until("one is refused", async || {
        waiting.iter().any(tokio::task::JoinHandle::is_finished)
    })
    .await;
    assert_eq!(
        get(&gateway.url("/health")).await.status,
        StatusCode::OK,
        "services never wait"
    );
    go_on.notify_one();
    assert_eq!(slow.await.expect("an answer").text(), "slow");
    let mut statuses = Vec::new();
    for asked in waiting {
        let answer = asked.await.expect("an answer");
        let retry = answer.headers.contains_key(header::RETRY_AFTER);
        statuses.push((answer.status.as_u16(), retry));
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [(200, false), (503, true)]);
    // All places are free again.
    for _ in 0..3 {
        assert_eq!(get(&gateway.url("/fast")).await.text(), "fast");
    }
}

#[tokio::test]
async fn a_request_that_waits_for_too_long_gets_503() {
    let go_on = Arc::new(Notify::new());
    let now = Arc::clone(&go_on);
    let slow = async move || {
        now.notified().await;
        "slow"
    };
    let router = Router::new().route("/slow", on_get(slow));
    let (gateway, _origin) = gateway("max_requests = 1\nqueue_timeout = '50ms'", router).await;
    let url = gateway.url("/slow");
    let both = [tokio::spawn(async move { get(&url).await }), {
        let url = gateway.url("/slow");
        tokio::spawn(async move { get(&url).await })
    }];
    until("one gave up", async || {
        both.iter().any(tokio::task::JoinHandle::is_finished)
    })
    .await;
    go_on.notify_one();
    let mut statuses = Vec::new();
    for asked in both {
        statuses.push(asked.await.expect("an answer").status.as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 503]);
}

#[tokio::test]
async fn a_body_that_is_too_long_gets_413_whether_its_length_is_stated_or_not() {
    let read = async |request: Request| {
        request
            .into_body()
            .collect()
            .await
            .map_or(0, |body| body.to_bytes().len())
            .to_string()
    };
    let settings = "max_body = '1KB'\n[[route]]\npath = '/large'\nmax_body = '5KB'\n[[route]]\nservice = 'a'\nmax_body = '2KB'";
    let (gateway, _origin) = gateway(settings, Router::new().fallback(any(read))).await;
    for (path, length, status) in [
        ("/", 2_000, 200),
        ("/", 2_001, 413),
        ("/large", 5_000, 200),
        ("/large", 5_001, 413),
        ("/", 0, 200),
    ] {
        for is_stated in [true, false] {
            let text = Bytes::from("x".repeat(length));
            let body = match is_stated {
                true => Body::from(text),
                false => {
                    let pieces: Vec<_> = text
                        .chunks(500)
                        .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
                        .collect();
                    Body::from_stream(stream::iter(pieces))
                }
            };
            let request = Request::post(gateway.url(path)).body(body).expect("a request");
            let answer = send(request).await;
            assert_eq!(answer.status.as_u16(), status, "{path} {length} {is_stated}");
            if status == 200 {
                assert_eq!(answer.text(), length.to_string());
            }
        }
    }
}

#[tokio::test]
async fn a_route_has_a_timeout_of_its_own() {
    let never = async || -> &'static str { std::future::pending().await };
    let settings = "response_timeout = '1h'\n[[route]]\npath = '/short/**'\nresponse_timeout = '50ms'";
    let (gateway, _origin) = gateway(
        settings,
        Router::new()
            .route("/short/a", on_get(never))
            .fallback(async || "here"),
    )
    .await;
    assert_eq!(
        get(&gateway.url("/short/a")).await.status,
        StatusCode::GATEWAY_TIMEOUT
    );
    assert_eq!(get(&gateway.url("/short/b")).await.text(), "here");
}

#[tokio::test]
async fn responses_are_compressed_where_the_settings_say_so_and_never_with_a_session() {
    let page = |cache: &'static str| {
        async move || {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, "text/html".parse().expect("a value"));
            headers.insert(header::CACHE_CONTROL, cache.parse().expect("a value"));
            headers.insert(header::ETAG, "\"a\"".parse().expect("a value"));
            (headers, TEXT.repeat(200))
        }
    };
    let router = Router::new()
        .route("/page", on_get(page("no-cache")))
        .route("/session", on_get(page("private")))
        .route("/plain", on_get(page("no-cache")));
    let settings = "compress = true\n[[route]]\npath = '/plain'\ncompress = false";
    let (gateway, _origin) = gateway(settings, router).await;
    for (path, coding, tag) in [
        ("/page", Some("gzip"), "W/\"a\""),
        ("/session", None, "\"a\""),
        ("/plain", None, "\"a\""),
    ] {
        for method in ["GET", "HEAD"] {
            let request = Request::builder()
                .method(method)
                .uri(gateway.url(path))
                .header(header::ACCEPT_ENCODING, "gzip")
                .body(Body::empty())
                .expect("a request");
            let answer = send(request).await;
            let sent = answer.headers.get(header::CONTENT_ENCODING);
            assert_eq!(
                sent.map(|value| value.to_str().expect("text")),
                coding,
                "{method} {path}"
            );
            assert_eq!(answer.headers[header::ETAG], tag, "{method} {path}");
            let has_vary = answer.headers.contains_key(header::VARY);
            assert_eq!(has_vary, coding.is_some(), "{method} {path}");
            let is_short = answer.body.len() < 1_000;
            assert_eq!(is_short, coding.is_some() || method == "HEAD", "{method} {path}");
        }
    }
    let (plain, _origin) = self::gateway("", Router::new().route("/page", on_get(page("no-cache")))).await;
    let answer = get_with(&plain.url("/page"), &[("accept-encoding", "gzip, br, zstd")]).await;
    assert_eq!(
        answer.text(),
        TEXT.repeat(200),
        "nothing is compressed unless the settings say so"
    );
}

/// A service whose `/slow` ends when it may, and how many of its requests have begun.
async fn slow_service(go_on: &Arc<Semaphore>) -> (Running, Arc<AtomicUsize>) {
    let begun = Arc::<AtomicUsize>::default();
    let (count, now) = (Arc::clone(&begun), Arc::clone(go_on));
    let slow = async move |_: Bytes| {
        count.fetch_add(1, SeqCst);
        let _ = now.acquire().await;
        Html("slow")
    };
    let router = Router::new()
        .route("/slow", any(slow))
        .route("/fast", on_get(async || Html("fast")));
    (service(router).await, begun)
}

/// The answer for one fragment.
async fn fragment(gateway: &Running, name: &str) -> Value {
    let item = json!({"id":"1","ref":name,"deadline":20_000});
    let batch = json!({"protocol":2,"requests":{"a":[item]}});
    let answer = post(&gateway.url("/h/discovery/K/requestFragment"), &batch).await;
    answer.json()["fragments"][0].clone()
}

#[tokio::test]
async fn connections_in_use_are_bounded_for_each_instance() {
    let go_on = Arc::new(Semaphore::new(0));
    let (one, begun_one) = slow_service(&go_on).await;
    let (two, begun_two) = slow_service(&go_on).await;
    let entry = |service: &Running| {
        format!(
            "[[service]]\nname = 'a'\nurl = '{}'\nendpoints = ['/**']\npipeline = true\n\
             fragments = {{ f = '/fast', s = '/slow' }}\n",
            service.url("")
        )
    };
    let text = format!(
        "public_key = 'K'\n[[route]]\nservice = 'a'\ninstance_connections = 2\n{}{}",
        entry(&one),
        entry(&two)
    );
    let gateway = gateway_with(GatewayConfig::from_toml(&text).expect("good")).await;
    assert_eq!(fragment(&gateway, "f").await["outcome"], "rendered");
    let url = gateway.url("/slow");
    // A short request, a long one, and a fragment take different ways to an instance.
    let long = Request::post(&url).body(Body::from(vec![b'x'; 100_000]));
    let slow = async {
        let (one, two, three, four) = tokio::join!(
            get(&url),
            get(&url),
            send(long.expect("a request")),
            fragment(&gateway, "s")
        );
        assert_eq!([one.text(), two.text(), three.text()], ["slow"; 3]);
        assert_eq!(four["renderedHTML"], "slow");
    };
    let begun = || [&begun_one, &begun_two].map(|begun| begun.load(SeqCst));
    let beyond = async {
        until("both have two requests", async || begun() == [2, 2]).await;
        let refused = get(&gateway.url("/fast")).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers.contains_key(header::RETRY_AFTER));
        let refused = fragment(&gateway, "f").await;
        assert_eq!(refused["outcome"], "failed");
        let reason = refused["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("`instance_connections`"), "{reason}");
        go_on.add_permits(4);
    };
    tokio::join!(slow, beyond);
    until("there is room again", async || {
        get(&gateway.url("/fast")).await.status == StatusCode::OK
    })
    .await;
    assert_eq!(fragment(&gateway, "f").await["outcome"], "rendered");
    assert_eq!(begun(), [2, 2]);
}
