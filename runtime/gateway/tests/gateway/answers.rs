//! Heads of answers and requests that other readers read otherwise: one rule for pages, which stream, and for fragments.

use std::sync::{Arc, Mutex};

use http::StatusCode;
use hydra_runtime_gateway::{GatewayConfig, PlainService};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{Log, Running, gateway_with, get, post};

/// A gateway before one service that gives the answer that is set, and closes.
struct Site {
    gateway: Running,
    answer: Arc<Mutex<String>>,
    _service: Running,
}

impl Site {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let answer = Arc::new(Mutex::new(String::new()));
        let said = Arc::clone(&answer);
        let service = Running::new(
            address,
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    let said = Arc::clone(&said);
                    tokio::spawn(async move {
                        let mut buffer = [0; 65_536];
                        let _ = stream.read(&mut buffer).await;
                        let answer = said.lock().expect("not poisoned").clone();
                        let _ = stream.write_all(answer.as_bytes()).await;
                        // The rest of a request is read, so that the answer is not lost.
                        let _ = stream.shutdown().await;
                        while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
                    });
                }
            }),
        );
        Self::before(service, answer).await
    }

    async fn before(service: Running, answer: Arc<Mutex<String>>) -> Self {
        let gateway = gateway_with(GatewayConfig {
            public_key: "K".into(),
            services: vec![PlainService {
                name: "s".into(),
                url: service.url(""),
                host: None,
                health: None,
                endpoints: vec!["/x".into()],
                fragments: [("f".to_owned(), "/f".to_owned())].into(),
                login: None,
                ..PlainService::default()
            }],
            ..GatewayConfig::default()
        })
        .await;
        Self {
            gateway,
            answer,
            _service: service,
        }
    }

    fn answers(&self, text: &str) {
        *self.answer.lock().expect("not poisoned") = text.to_owned();
    }

    async fn fragment(&self) -> Option<String> {
        let batch = json!({"protocol":2,"requests":{"s":[{"id":"a","ref":"f"}]}});
        let answer = post(&self.gateway.url("/h/discovery/K/requestFragment"), &batch).await;
        let html = &answer.json()["fragments"][0]["renderedHTML"];
        html.as_str().map(str::to_owned)
    }

    /// Sends bytes to the gateway, and gives what comes until the connection ends or the answer is there.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.gateway.address).await.expect("a gateway");
        let _ = stream.write_all(request.as_bytes()).await;
        let (mut answer, mut buffer) = (String::new(), [0; 65_536]);
        while !answer.contains("\r\n\r\n") {
            match stream.read(&mut buffer).await {
                Ok(read) if read > 0 => answer += &String::from_utf8_lossy(&buffer[..read]),
                _ => break,
            }
        }
        answer
    }
}

#[tokio::test]
async fn an_answer_is_read_in_one_way_or_not_at_all() {
    let site = Site::new().await;
    let headers = |count: usize| (0..count).map(|n| format!("x{n}: y\r\n")).collect::<String>();
    let with = |lines: &str| format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{lines}\r\nokokokok");
    let chunked = |coding: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: {coding}\r\n\r\n8\r\nokokokok\r\n0\r\n\r\n"
        )
    };
    for (what, answer, is_good) in [
        ("plain", with("content-length: 8\r\n"), true),
        (
            "HTTP/1.0",
            "HTTP/1.0 200 OK\r\ncontent-length: 8\r\n\r\nokokokok".into(),
            true,
        ),
        (
            "HTTP/1.0 until it closes",
            "HTTP/1.0 200 OK\r\n\r\nokokokok".into(),
            true,
        ),
        (
            "HTTP/1.0 that would stay",
            "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 8\r\n\r\nokokokok".into(),
            true,
        ),
        (
            "a blank before the colon",
            with("X : 1\r\ncontent-length: 8\r\n"),
            true,
        ),
        (
            "a tab before the colon",
            with("X\t: 1\r\ncontent-length: 8\r\n"),
            true,
        ),
        (
            "a blank before the colon of the length",
            with("Content-Length : 8\r\n"),
            true,
        ),
        (
            "a line that is folded",
            with("x: 1\r\n 2\r\ncontent-length: 8\r\n"),
            false,
        ),
        (
            "a name with a blank inside",
            with("x y: 1\r\ncontent-length: 8\r\n"),
            false,
        ),
        ("equal lengths in a line", with("content-length: 8, 8\r\n"), true),
        (
            "equal lengths",
            with("content-length: 8\r\ncontent-length: 8\r\n"),
            true,
        ),
        (
            "lengths that differ in a line",
            with("content-length: 8, 9\r\n"),
            false,
        ),
        (
            "lengths that differ",
            with("content-length: 9\r\ncontent-length: 8\r\n"),
            false,
        ),
        ("a length with a sign", with("content-length: +8\r\n"), false),
        (
            "a length and chunks",
            with("content-length: 8\r\ntransfer-encoding: chunked\r\n"),
            false,
        ),
        ("chunks", chunked("chunked"), true),
        ("gzip in chunks", chunked("gzip, chunked"), false),
        (
            "gzip in chunks, on two lines",
            chunked("gzip\r\ntransfer-encoding: chunked"),
            false,
        ),
        ("chunks in chunks", chunked("chunked, chunked"), false),
        ("chunks not last", chunked("chunked, gzip"), false),
        (
            "chunks of HTTP/1.0",
            chunked("chunked").replacen("1.1", "1.0", 1),
            false,
        ),
        (
            "many headers",
            with(&format!("{}content-length: 8\r\n", headers(98))),
            true,
        ),
        (
            "too many headers",
            with(&format!("{}content-length: 8\r\n", headers(99))),
            false,
        ),
        (
            "a long head",
            with(&format!("x: {}\r\ncontent-length: 8\r\n", "y".repeat(30_000))),
            true,
        ),
        (
            "too long a head",
            with(&format!("x: {}\r\ncontent-length: 8\r\n", "y".repeat(34_000))),
            false,
        ),
    ] {
        site.answers(&answer);
        let page = get(&site.gateway.url("/x")).await;
        let expected = if is_good {
            StatusCode::OK
        } else {
            StatusCode::BAD_GATEWAY
        };
        assert_eq!(page.status, expected, "{what}: {}", page.text());
        assert_eq!(site.fragment().await.is_some(), is_good, "{what}");
        if is_good {
            assert_eq!(page.text(), "okokokok", "{what}");
            assert!(
                page.headers.get_all("content-length").iter().count() <= 1,
                "{what}"
            );
            let raw = site.raw("GET /x HTTP/1.1\r\nhost: h\r\n\r\n").await;
            assert!(raw.starts_with("HTTP/1.1 200 OK\r\n"), "{what}: {raw}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_refused_with_the_reason() {
    let (log, site) = (Log::default(), Site::new().await);
    let _here = log.here();
    let headers: String = (0..200).map(|n| format!("x{n}: y\r\n")).collect();
    site.answers(&format!(
        "HTTP/1.1 200 OK\r\n{headers}content-length: 2\r\n\r\nok"
    ));
    let page = get(&site.gateway.url("/x")).await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    const REASON: &str = "more than 100 headers";
    assert!(page.text().contains(REASON), "{}", page.text());
    assert_eq!(site.fragment().await, None);
    assert!(log.text().matches(REASON).count() >= 2, "{}", log.text());
}

#[tokio::test]
async fn a_request_that_is_coded_in_another_way_is_refused() {
    let site = Site::new().await;
    site.answers("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let post = |coding: &str| {
        format!("POST /x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: {coding}\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
    };
    for (request, expected) in [
        (post("chunked"), &["200"][..]),
        (post("gzip, chunked"), &["400", "501"]),
        (post("chunked, chunked"), &["400", "501"]),
        (post("gzip\r\ntransfer-encoding: chunked"), &["400", "501"]),
        (post("chunked, gzip"), &["400", "501"]),
        (post("identity"), &["400", "501"]),
        ("GET /x HTTP/1.1\r\nhost: h\r\nx : 1\r\n\r\n".into(), &["400"]),
        ("GET /x HTTP/1.1\r\nhost : h\r\n\r\n".into(), &["400"]),
        (
            "POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 2, 2\r\n\r\nhi".into(),
            &["200", "400"],
        ),
        (
            "POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 2, 3\r\n\r\nhi".into(),
            &["400"],
        ),
    ] {
        let answer = site.raw(&request).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(expected.contains(&status), "{request:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_visitors_broken_body_is_not_the_services_fault() {
    let log = Log::default();
    let _here = log.here();
    // The service never answers, so that only the visitor can end this.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let reads = async move {
        let mut all = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            all.push(stream);
        }
    };
    let site = Site::before(Running::new(address, tokio::spawn(reads)), Arc::default()).await;
    for body in [
        "zz\r\nhi\r\n0\r\n\r\n",
        "5\r\nhello\r\nnonsense\r\n",
        "5\r\nhelloXX\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nhi\r\n0\r\n\r\n",
        "-1\r\nhi\r\n0\r\n\r\n",
    ] {
        let head = "POST /x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";
        let answer = site.raw(&format!("{head}{body}")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{body:?}: {answer:?}");
    }
    assert!(!log.text().contains("WARN"), "{}", log.text());
}
