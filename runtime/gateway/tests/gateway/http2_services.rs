//! Plain services that are called over HTTP/2.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use axum::{
    Json, Router,
    body::Body,
    response::Html,
    routing::{any, get as on_get, post as on_post},
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use h2::{RecvStream, server::SendResponse};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hydra_runtime_gateway::GatewayConfig;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    authority::Authority,
    support::{Log, Running, gateway_with, get, post, send, service, until},
};

/// What a service tells about a request.
async fn tell(request: Request<Body>) -> Json<Value> {
    let headers: Vec<String> = request
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().expect("ASCII")))
        .collect();
    Json(json!({
        "version": format!("{:?}", request.version()),
        "method": request.method().as_str(),
        "uri": request.uri().to_string(),
        "headers": headers,
    }))
}

/// The body of a request with its trailers.
async fn echo(request: Request<Body>) -> Response<Body> {
    let response = Response::builder().header("trailer", "x-sum");
    response.body(request.into_body()).expect("a response")
}

/// Two events, the second of which comes only when the visitor has seen the first: never, if the first is held back.
fn events(go_on: Arc<tokio::sync::Notify>) -> Response<Body> {
    let events = futures_util::stream::unfold(0, move |number| {
        let go_on = Arc::clone(&go_on);
        async move {
            match number {
                0 => {}
                1 => go_on.notified().await,
                _ => return None,
            }
            let event = Bytes::from(format!("data: {number}\n\n"));
            Some((Ok::<_, Infallible>(event), number + 1))
        }
    });
    let response = Response::builder().header("content-type", "text/event-stream");
    response.body(Body::from_stream(events)).expect("a response")
}

/// Switches to a protocol that repeats all bytes.
async fn socket(request: Request<Body>) -> Response<Body> {
    assert_eq!(request.version(), Version::HTTP_11);
    tokio::spawn(async move {
        let upgraded = hyper::upgrade::on(request).await.expect("a socket");
        let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgraded));
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    });
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "upgrade")
        .header("upgrade", "websocket");
    response.body(Body::empty()).expect("a response")
}

fn router(go_on: &Arc<tokio::sync::Notify>) -> Router {
    let go_on = Arc::clone(go_on);
    Router::new()
        .route("/tell", any(tell))
        .route("/echo", on_post(echo))
        .route("/events", on_get(async move || events(Arc::clone(&go_on))))
        .route("/socket", on_get(socket))
        .route(
            "/bits/{name}",
            on_get(async |path: axum::extract::Path<String>| Html(path.0)),
        )
}

/// A server of HTTP/1.1 and HTTP/2, and how many connections it has accepted.
async fn both(router: Router) -> (Running, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let accepted = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&accepted);
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, SeqCst);
            let service = TowerToHyperService::new(router.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server
                    .serve_connection_with_upgrades(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (Running::new(address, task), accepted)
}

/// A gateway whose service `a` is at `url`, and is called over HTTP/2.
async fn gateway_for(url: &str, more: &str) -> Running {
    let text = format!(
        "public_key = 'K'\nconnect_timeout = '20s'\n{more}\n[[service]]\nname = 'a'\nurl = '{url}'\nhttp2 = true\n\
         endpoints = ['/**']\nfragments = {{ a = '/bits/a', b = '/bits/b', c = '/bits/c', d = '/bits/d', e = '/bits/e' }}\n"
    );
    gateway_with(GatewayConfig::from_toml(&text).expect("good settings")).await
}

async fn site() -> (Running, Running, Arc<AtomicUsize>, Arc<tokio::sync::Notify>) {
    let go_on = Arc::<tokio::sync::Notify>::default();
    let (service, accepted) = both(router(&go_on)).await;
    let gateway = gateway_for(&service.url(""), "").await;
    // At the start, the gateway looks whether the service speaks HTTP/2.
    until("the gateway has tried it", async || accepted.load(SeqCst) == 1).await;
    accepted.store(0, SeqCst);
    (gateway, service, accepted, go_on)
}

fn to(gateway: &Running, method: Method, path: &str, body: Body) -> Request<Body> {
    let request = Request::builder().method(method).uri(gateway.url(path));
    request.body(body).expect("a request")
}

/// The response with its head only: its body streams.
async fn streamed(gateway: &Running, mut request: Request<Body>) -> Response<Incoming> {
    let stream = TcpStream::connect(gateway.address).await.expect("a gateway");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
    tokio::spawn(connection);
    let host = gateway.address.to_string().parse().expect("a host");
    request.headers_mut().insert("host", host);
    sender.send_request(request).await.expect("a response")
}

#[tokio::test]
async fn a_request_reaches_the_service_in_the_form_of_http_2() {
    let (gateway, _service, accepted, _) = site().await;
    let mut request = to(&gateway, Method::PUT, "/tell?q=1", Body::from("form"));
    for (name, value) in [
        ("connection", "keep-alive, x-own"),
        ("x-own", "1"),
        ("te", "trailers"),
        ("cookie", "a=b"),
        ("cookie", "c=d"),
        ("host", "site.test"),
    ] {
        request
            .headers_mut()
            .append(name, value.parse().expect("a value"));
    }
    let seen = send(request).await.json();
    assert_eq!(
        (&seen["version"], &seen["method"]),
        (&json!("HTTP/2.0"), &json!("PUT"))
    );
    assert_eq!(seen["uri"], "http://site.test/tell?q=1");
    let headers: Vec<&str> = seen["headers"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for expected in [
        "te: trailers",
        "cookie: a=b; c=d",
        "content-length: 4",
        "x-forwarded-host: site.test",
        "x-forwarded-proto: http",
        "hydra-path: a",
    ] {
        assert!(headers.contains(&expected), "{expected}: {headers:?}");
    }
    for absent in ["connection", "x-own", "transfer-encoding", "host", "keep-alive"] {
        let is_there = headers
            .iter()
            .any(|header| header.starts_with(&format!("{absent}:")));
        assert!(!is_there, "{absent}: {headers:?}");
    }
    let head = send(to(&gateway, Method::HEAD, "/tell", Body::empty())).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert!(head.headers.contains_key("content-length"));
    assert_eq!(accepted.load(SeqCst), 1);
}

#[tokio::test]
async fn bodies_trailers_and_events_stream() {
    let (gateway, _service, accepted, go_on) = site().await;
    let trailers = HeaderMap::from_iter([("x-sum".parse().expect("a name"), "7".parse().expect("a value"))]);
    let long = Bytes::from(vec![b'x'; 1_000_000]);
    let frames = [Frame::data(long.clone()), Frame::trailers(trailers.clone())];
    let body = StreamBody::new(futures_util::stream::iter(frames.map(Ok::<_, Infallible>)));
    let mut request = to(&gateway, Method::POST, "/echo", Body::new(body));
    request
        .headers_mut()
        .insert("te", "trailers".parse().expect("a value"));
    request
        .headers_mut()
        .insert("trailer", "x-sum".parse().expect("a value"));
    let whole = streamed(&gateway, request)
        .await
        .into_body()
        .collect()
        .await
        .expect("a body");
    assert_eq!(whole.trailers(), Some(&trailers));
    assert_eq!(whole.to_bytes(), long);
    let answer = streamed(&gateway, to(&gateway, Method::GET, "/events", Body::empty())).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut events = answer.into_body().into_data_stream();
    assert_eq!(
        events.next().await.expect("an event").expect("an event"),
        "data: 0\n\n"
    );
    go_on.notify_one();
    assert_eq!(
        events.next().await.expect("an event").expect("an event"),
        "data: 1\n\n"
    );
    assert!(events.next().await.is_none());
    assert_eq!(accepted.load(SeqCst), 1);
}

#[tokio::test]
async fn the_fragments_of_a_page_share_a_connection() {
    let (gateway, _service, accepted, _) = site().await;
    let names = ["a", "b", "c", "d", "e"];
    let items: Vec<Value> = names.iter().map(|name| json!({"id":name,"ref":name})).collect();
    let batch = json!({"protocol":2,"requests":{"a":items}});
    for _ in 0..3 {
        let answer = post(&gateway.url("/h/discovery/K/requestFragment"), &batch)
            .await
            .json();
        let fragments = answer["fragments"].as_array().expect("fragments");
        let html = |name: &&str| {
            fragments
                .iter()
                .any(|one| one["id"] == **name && one["renderedHTML"] == **name)
        };
        assert!(names.iter().all(html), "{answer}");
    }
    assert_eq!(accepted.load(SeqCst), 1);
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut came = Vec::new();
    while !came.ends_with(b"\r\n\r\n") {
        came.push(stream.read_u8().await.expect("a head"));
    }
    String::from_utf8(came).expect("ASCII")
}

#[tokio::test]
async fn a_socket_gets_a_connection_of_http_1_1() {
    let (gateway, _service, accepted, _) = site().await;
    assert_eq!(get(&gateway.url("/tell")).await.status, StatusCode::OK);
    let mut stream = TcpStream::connect(gateway.address).await.expect("a gateway");
    let handshake = "GET /socket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    stream.write_all(handshake.as_bytes()).await.expect("sent");
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    stream.write_all(b"hello").await.expect("sent");
    let mut back = [0; 5];
    stream.read_exact(&mut back).await.expect("an echo");
    assert_eq!(&back, b"hello");
    assert_eq!(accepted.load(SeqCst), 2);
}

/// A server that answers each request itself.
async fn answering<F: Future<Output = Result<(), h2::Error>> + Send + 'static>(
    answer: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Clone + Send + 'static,
) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                while let Some(Ok((request, sending))) = connection.accept().await {
                    tokio::spawn(answer(request, sending));
                }
            });
        }
    });
    Running::new(address, task)
}

fn interim(status: u16, name: &str, value: &str) -> Response<()> {
    let response = Response::builder().status(status).header(name, value);
    response.body(()).expect("an interim response")
}

#[tokio::test]
async fn early_hints_join_the_answer() {
    let service = answering(async |_, mut sending| {
        sending.send_informational(interim(103, "link", "</app.css>; rel=preload"))?;
        sending.send_response(Response::new(()), true).map(drop)
    })
    .await;
    let gateway = gateway_for(&service.url(""), "").await;
    let answer = get(&gateway.url("/x")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["link"], "</app.css>; rel=preload");
}

#[tokio::test]
async fn a_body_that_waits_for_100_continue_gets_it_from_the_service() {
    let service = answering(async |request, mut sending| {
        assert_eq!(request.headers()["expect"], "100-continue");
        sending.send_informational(interim(100, "x-a", "b"))?;
        let body = request.into_body().data().await.expect("a body")?;
        sending
            .send_response(Response::new(()), false)?
            .send_data(body, true)
    })
    .await;
    let gateway = gateway_for(&service.url(""), "").await;
    let mut stream = TcpStream::connect(gateway.address).await.expect("a gateway");
    let head = "POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 100"));
    stream.write_all(b"form").await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    // In one chunk: the service states no length.
    assert!(answer.ends_with("\r\n\r\n4\r\nform\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_service_over_https_agrees_to_http_2() {
    let authority = Authority::new();
    for (is_agreed, status) in [(true, StatusCode::OK), (false, StatusCode::BAD_GATEWAY)] {
        let log = Log::default();
        let _logging = log.here();
        let acceptor = match is_agreed {
            true => authority.http2_server("127.0.0.1"),
            false => authority.server("127.0.0.1"),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = TowerToHyperService::new(router(&Arc::default()));
                    let server = auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        let service = Running::new(address, task);
        let file = authority.file.display();
        let gateway = gateway_for(
            &format!("https://{}", service.address),
            &format!("upstream_ca = '{file}'"),
        )
        .await;
        let answer = get(&gateway.url("/tell")).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        if is_agreed {
            assert_eq!(answer.json()["version"], "HTTP/2.0");
            assert_eq!(answer.json()["uri"], format!("https://{}/tell", service.address));
        } else {
            assert!(
                log.text()
                    .contains("the server does not agree to HTTP/2: set `http2`"),
                "{}",
                log.text()
            );
        }
    }
}

#[tokio::test]
async fn a_server_of_http_1_1_is_reported_at_once_and_visitors_get_an_error_page() {
    let service = service(router(&Arc::default())).await;
    for health in ["", "health = '/tell'"] {
        let log = Log::default();
        let _logging = log.here();
        let text = format!(
            "public_key = 'K'\nconnect_timeout = '20s'\n[[service]]\nname = 'a'\nurl = '{}'\nhttp2 = true\nendpoints = ['/**']\n{health}\n",
            service.url("")
        );
        let gateway = gateway_with(GatewayConfig::from_toml(&text).expect("good settings")).await;
        let advice = "does not speak HTTP/2";
        until("the log says so before anyone asks", async || {
            log.text().contains(advice)
        })
        .await;
        assert!(
            log.text().contains("set `http2` of its `[[service]]` to false"),
            "{}",
            log.text()
        );
        let answer = get(&gateway.url("/tell")).await;
        // A health check may have found it unhealthy already.
        let is_away = [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE].contains(&answer.status);
        assert!(is_away, "{}", answer.status);
    }
}
