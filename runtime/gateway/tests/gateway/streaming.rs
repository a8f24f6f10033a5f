//! Trailers, parts of a resource, and HEAD, through the gateway.

use axum::body::{Body, Bytes};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::support::{Running, gateway, register, said, send};

/// A service that answers each request with the same bytes, and gives the heads that it got.
async fn service(answer: &'static str) -> (Running, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (heads, seen) = mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let heads = heads.clone();
            tokio::spawn(async move {
                let mut unread = Vec::new();
                while stream.read_buf(&mut unread).await.is_ok_and(|count| count > 0) {
                    if unread.ends_with(b"\r\n\r\n") {
                        let head = String::from_utf8_lossy(&unread).to_ascii_lowercase();
                        let _ = heads.send(head);
                        unread.clear();
                        let _ = stream.write_all(answer.as_bytes()).await;
                    }
                }
            });
        }
    });
    (Running::new(address, task), seen)
}

async fn site(answer: &'static str) -> (Running, Running, mpsc::UnboundedReceiver<String>) {
    let gateway = gateway().await;
    let (service, seen) = service(answer).await;
    register(&gateway, &said("a", &service, json!({"endpoints":["/x"]}))).await;
    (gateway, service, seen)
}

/// All that comes for these bytes, which end with `Connection: close`.
async fn ask(gateway: &Running, request: &str) -> String {
    let mut stream = TcpStream::connect(gateway.address).await.expect("a gateway");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut all = String::new();
    stream.read_to_string(&mut all).await.expect("text");
    all
}

const WITH_TRAILERS: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\
    trailer: x-sum, cookie, x-forwarded-for\r\n\r\n5\r\nhello\r\n0\r\n\
    x-sum: 7\r\ncookie: forged\r\nx-forwarded-for: forged\r\n\r\n";

#[tokio::test]
async fn the_trailers_of_an_answer_reach_clients_that_want_them() {
    for (te, comes) in [
        ("TE: trailers\r\n", true),
        ("TE: gzip, trailers\r\n", true),
        ("", false),
    ] {
        let (gateway, _service, mut seen) = site(WITH_TRAILERS).await;
        let connection = if te.is_empty() { "close" } else { "TE, close" };
        let request = format!("GET /x HTTP/1.1\r\nHost: a.test\r\n{te}Connection: {connection}\r\n\r\n");
        let all = ask(&gateway, &request).await;
        assert!(all.contains("5\r\nhello\r\n0\r\n"), "{all}");
        assert_eq!(all.contains("x-sum: 7"), comes, "{te}: {all}");
        assert!(!all.contains("forged"), "{all}");
        let head = seen.recv().await.expect("a request");
        assert_eq!(head.contains("\r\nte: trailers\r\n"), comes, "{head}");
        assert!(!head.contains("gzip"), "{head}");
    }
}

#[tokio::test]
async fn the_trailers_of_an_answer_reach_http2() {
    let (gateway, _service, _seen) = site(WITH_TRAILERS).await;
    let stream = TcpStream::connect(gateway.address).await.expect("a gateway");
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.expect("HTTP/2");
    tokio::spawn(connection);
    let request = Request::get(gateway.url("/x")).header("te", "trailers");
    let request = request.body(Empty::<Bytes>::new()).expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    let whole = answer.into_body().collect().await.expect("a body");
    let mut expected = HeaderMap::new();
    expected.insert("x-sum", "7".parse().expect("a value"));
    assert_eq!(whole.trailers(), Some(&expected));
    assert_eq!(whole.to_bytes(), "hello");
}

#[tokio::test]
async fn parts_of_a_resource_and_conditions_pass_unchanged() {
    const PART: &str = "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 1-3/5\r\naccept-ranges: bytes\r\n\
                        etag: \"e\"\r\ncontent-length: 3\r\n\r\nell";
    const NONE: &str =
        "HTTP/1.1 416 Range Not Satisfiable\r\ncontent-range: bytes */5\r\ncontent-length: 0\r\n\r\n";
    const PARTS: &str = "HTTP/1.1 206 Partial Content\r\ncontent-type: multipart/byteranges; boundary=b\r\n\
                         content-length: 5\r\n\r\n--b--";
    for (answer, status, range, body) in [
        (PART, 206, "bytes=1-3", "ell"),
        (NONE, 416, "bytes=9-", ""),
        (PARTS, 206, "bytes=0-1, 3-4", "--b--"),
    ] {
        let (gateway, _service, mut seen) = site(answer).await;
        let request = Request::get(gateway.url("/x"))
            .header("range", range)
            .header("if-range", "\"e\"")
            .header("if-none-match", "\"f\"")
            .header("accept-encoding", "gzip, br");
        let got = send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!((got.status.as_u16(), got.text()), (status, body));
        let head = seen.recv().await.expect("a request");
        let is_whole = head.contains(&format!("\r\nrange: {range}\r\n"))
            && head.contains("\r\nif-range: \"e\"\r\n")
            && head.contains("\r\nif-none-match: \"f\"\r\n");
        assert!(is_whole, "{head}");
        for line in answer.lines().skip(1).take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").expect("a header");
            assert_eq!(got.headers.get(name).expect(name), value);
        }
    }
}

#[tokio::test]
async fn an_answer_without_a_body_states_the_length_that_the_service_states() {
    const LENGTH: &str = "200 OK\r\ncontent-length: 123456\r\n\r\n";
    const CHUNKS: &str = "200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    const NOTHING: &str = "200 OK\r\n\r\n";
    const SAME: &str = "304 Not Modified\r\netag: \"e\"\r\n\r\n";
    const SAME_LENGTH: &str = "304 Not Modified\r\ncontent-length: 123456\r\n\r\n";
    const NO_CONTENT: &str = "204 No Content\r\n\r\n";
    for (method, answer, length) in [
        ("HEAD", LENGTH, Some("123456")),
        ("HEAD", CHUNKS, None),
        ("HEAD", NOTHING, None),
        ("HEAD", SAME, None),
        ("GET", SAME, None),
        // The server library leaves it out, which is allowed.
        ("GET", SAME_LENGTH, None),
        ("GET", NO_CONTENT, None),
    ] {
        let (gateway, _service, mut seen) = site(format!("HTTP/1.1 {answer}").leak()).await;
        let request = |more: &str| format!("{method} /x HTTP/1.1\r\nHost: a.test\r\n{more}\r\n");
        let both = request("") + &request("Connection: close\r\n");
        let all = ask(&gateway, &both).await;
        // Both answers, and nothing else: the second one is found where the first one ends.
        let answers: Vec<_> = all.split_inclusive("\r\n\r\n").collect();
        assert_eq!(answers.len(), 2, "{method} {answer}: {all}");
        for one in answers {
            let status = answer.lines().next().expect("a status");
            assert!(one.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{all}");
            let stated = one.lines().find_map(|line| line.strip_prefix("content-length: "));
            assert_eq!(stated, length, "{method} {answer}: {all}");
        }
        for _ in 0..2 {
            let head = seen.recv().await.expect("a request");
            assert!(
                head.starts_with(&format!("{} /x ", method.to_ascii_lowercase())),
                "{head}"
            );
        }
    }
}
