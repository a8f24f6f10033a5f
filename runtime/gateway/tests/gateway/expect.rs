//! `Expect: 100-continue` from end to end (RFC 9110 section 10.1.1).

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use axum::body::{Body, Bytes};
use http::Request;
use http_body_util::{BodyExt as _, StreamBody};
use hydra_runtime_gateway::GatewayConfig;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::support::{Running, gateway_with};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone";
const TOO_LARGE: &str = "HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\n\r\nmore";
const FAILED: &str = "HTTP/1.1 417 Failed\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(20);

/// What a service does after it has read the head of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// It says that it wants the body.
    Wants,
    /// The same, a while later.
    WantsLater,
    /// It waits for the body and says nothing, as many do.
    Silent,
    /// It answers at once with these bytes.
    Refuses(&'static str),
}

/// What reached the service.
#[derive(Debug, Default)]
struct Record {
    head: Mutex<String>,
    body: Mutex<Vec<u8>>,
    has_said: AtomicBool,
}

/// A gateway before a service of this manner.
struct Site {
    gateway: Running,
    record: Arc<Record>,
    _service: Running,
}

impl Site {
    async fn new(manner: Manner, settings: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let record = Arc::<Record>::default();
        let shared = Arc::clone(&record);
        let service = Running::new(
            address,
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, manner, Arc::clone(&shared)));
                }
            }),
        );
        let service_entry =
            format!("[[service]]\nname = 'a'\nurl = 'http://{address}'\nendpoints = ['/x']\n");
        let config =
            GatewayConfig::from_toml(&format!("{settings}\n{service_entry}")).expect("good settings");
        Self {
            gateway: gateway_with(config).await,
            record,
            _service: service,
        }
    }

    fn head(&self) -> String {
        self.record
            .head
            .lock()
            .expect("not poisoned")
            .to_ascii_lowercase()
    }

    fn body(&self) -> String {
        let body = self.record.body.lock().expect("not poisoned");
        String::from_utf8_lossy(&body).into_owned()
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, record: Arc<Record>) {
    let mut unread = Vec::new();
    while !unread.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read_buf(&mut unread).await {
            Ok(count) if count > 0 => {}
            _ => return,
        }
    }
    let end = unread
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("an end")
        + 4;
    let head = String::from_utf8_lossy(&unread[..end]).into_owned();
    *record.head.lock().expect("not poisoned") = head;
    if manner == Manner::WantsLater {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    match manner {
        Manner::Refuses(answer) => {
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        Manner::Wants | Manner::WantsLater => {
            record.has_said.store(true, SeqCst);
            let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
        }
        Manner::Silent => {}
    }
    let mut body = unread.split_off(end);
    while body.len() < 6 {
        match stream.read_buf(&mut body).await {
            Ok(count) if count > 0 => {}
            _ => break,
        }
    }
    *record.body.lock().expect("not poisoned") = body;
    if !matches!(manner, Manner::Refuses(_)) {
        let _ = stream.write_all(OK.as_bytes()).await;
    }
}

/// Reads until `end` has come or the connection closes.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    let work = async {
        while !String::from_utf8_lossy(&read).contains(end) {
            match stream.read_buf(&mut read).await {
                Ok(count) if count > 0 => {}
                _ => break,
            }
        }
    };
    tokio::time::timeout(PATIENCE, work)
        .await
        .expect("an answer in time");
    String::from_utf8_lossy(&read).into_owned()
}

fn upload(version: &str, expect: &str) -> String {
    format!("POST /x HTTP/{version}\r\nHost: a.test\r\nContent-Length: 6\r\n{expect}\r\n")
}

const EXPECT: &str = "Expect: 100-continue\r\n";

#[tokio::test]
async fn a_client_that_waits_sends_its_body_once_the_service_wants_it() {
    for manner in [Manner::Wants, Manner::WantsLater, Manner::Silent] {
        let site = Site::new(manner, "").await;
        let mut stream = TcpStream::connect(site.gateway.address).await.expect("a gateway");
        let began = Instant::now();
        let head = upload("1.1", EXPECT);
        stream.write_all(head.as_bytes()).await.expect("sent");
        let interim = read_until(&mut stream, "\r\n\r\n").await;
        assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n", "{manner:?}");
        // The gateway waits for no service longer than a second.
        let has_said = site.record.has_said.load(SeqCst);
        assert!(
            has_said || began.elapsed() >= Duration::from_secs(1),
            "{manner:?}"
        );
        assert!(site.head().contains("expect: 100-continue"), "{}", site.head());
        stream.write_all(b"upload").await.expect("sent");
        let answer = read_until(&mut stream, "done").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{manner:?}: {answer}");
        assert_eq!(site.body(), "upload", "{manner:?}");
    }
}

#[tokio::test]
async fn a_service_refuses_an_upload_before_it_is_sent() {
    for (answer, status) in [(TOO_LARGE, "413"), (FAILED, "417"), (OK, "200")] {
        let site = Site::new(Manner::Refuses(answer), "").await;
        let mut stream = TcpStream::connect(site.gateway.address).await.expect("a gateway");
        let head = upload("1.1", EXPECT);
        stream.write_all(head.as_bytes()).await.expect("sent");
        // The connection closes: what comes next on it may be the body or another request.
        let all = read_until(&mut stream, "never").await;
        assert!(all.starts_with(&format!("HTTP/1.1 {status} ")), "{all}");
        assert_eq!(all.matches("HTTP/1.1 ").count(), 1, "{all}");
        assert_eq!(site.body(), "", "{status}");
    }
}

#[tokio::test]
async fn the_gateways_own_limits_come_before_the_body() {
    let settings = "[[route]]\npath = '/x'\nmax_body = '1KB'\n";
    let site = Site::new(Manner::Wants, settings).await;
    let mut stream = TcpStream::connect(site.gateway.address).await.expect("a gateway");
    let head = upload("1.1", EXPECT).replace(": 6", ": 2000");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let all = read_until(&mut stream, "never").await;
    assert!(all.starts_with("HTTP/1.1 413 "), "{all}");
    assert_eq!(site.head(), "", "the service hears nothing");
}

#[tokio::test]
async fn a_body_that_does_not_wait_reaches_the_service_without_an_interim_answer() {
    let chunked =
        "POST /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nupload\r\n0\r\n\r\n";
    for (what, request, expects) in [
        ("no expectation", format!("{}upload", upload("1.1", "")), false),
        ("HTTP/1.0", format!("{}upload", upload("1.0", EXPECT)), false),
        (
            "another expectation",
            format!("{}upload", upload("1.1", "Expect: 200-ok\r\n")),
            false,
        ),
        ("chunks", chunked.to_owned(), false),
        ("sent at once", format!("{}upload", upload("1.1", EXPECT)), true),
    ] {
        let site = Site::new(Manner::Silent, "").await;
        let mut stream = TcpStream::connect(site.gateway.address).await.expect("a gateway");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let answer = read_until(&mut stream, "done").await;
        assert!(answer.contains(" 200 OK"), "{what}: {answer}");
        assert!(site.body().contains("upload"), "{what}: {}", site.body());
        assert_eq!(site.head().contains("expect"), expects, "{what}: {}", site.head());
        assert!(expects || !answer.contains(" 100 "), "{what}: {answer}");
    }
}

/// An upload over HTTP/2 whose body comes from a channel. Gives the status, and whether the body was sent before.
async fn upload_over_http2(site: &Site, sends_when_answered: bool) -> u16 {
    let stream = TcpStream::connect(site.gateway.address).await.expect("a gateway");
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.expect("HTTP/2");
    tokio::spawn(connection);
    let (pieces, mut body) = mpsc::channel::<Bytes>(1);
    let body = futures_util::stream::poll_fn(move |cx| body.poll_recv(cx));
    let body = futures_util::StreamExt::map(body, |piece| {
        Ok::<_, std::io::Error>(http_body::Frame::data(piece))
    });
    let request = Request::post(site.gateway.url("/x"))
        .header("expect", "100-continue")
        .header("content-length", "6")
        .body(Body::new(StreamBody::new(body)))
        .expect("a request");
    if !sends_when_answered {
        pieces.send(Bytes::from_static(b"upload")).await.expect("a body");
    }
    let answer = tokio::time::timeout(PATIENCE, sender.send_request(request)).await;
    let answer = answer.expect("an answer in time").expect("an answer");
    let status = answer.status().as_u16();
    answer.into_body().collect().await.expect("a body");
    drop(pieces);
    status
}

#[tokio::test]
async fn http2_has_the_same_expectations() {
    for (manner, waits, status, body) in [
        (Manner::Refuses(TOO_LARGE), true, 413, ""),
        (Manner::Refuses(FAILED), true, 417, ""),
        (Manner::Wants, false, 200, "upload"),
        (Manner::Silent, false, 200, "upload"),
    ] {
        let site = Site::new(manner, "").await;
        assert_eq!(upload_over_http2(&site, waits).await, status, "{manner:?}");
        assert_eq!(site.body(), body, "{manner:?}");
        assert!(site.head().contains("expect: 100-continue"), "{}", site.head());
    }
}
