//! What of a visitor's request reaches a service, byte by byte.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::support::{Running, gateway, register, said};

/// A service that answers each request with the same bytes and closes, and notes the heads that it got.
struct Raw {
    running: Running,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Raw {
    async fn answering(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let notes = Arc::clone(&notes);
                tokio::spawn(async move {
                    let head = head_of(&mut stream).await;
                    notes
                        .lock()
                        .expect("not poisoned")
                        .push(head.to_ascii_lowercase());
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self {
            running: Running::new(address, task),
            heads,
        }
    }

    /// Everything that arrived since the last call.
    fn came(&self) -> Vec<String> {
        std::mem::take(&mut self.heads.lock().expect("not poisoned"))
    }
}

async fn head_of(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// The head of the answer to these bytes.
async fn ask(gateway: &Running, request: &str) -> String {
    let mut stream = TcpStream::connect(gateway.address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("sent");
    head_of(&mut stream).await
}

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

async fn with_service(answer: &'static str, endpoints: &[&str]) -> (Running, Raw) {
    let gateway = gateway().await;
    let service = Raw::answering(answer).await;
    let body = said("a", &service.running, json!({"endpoints":endpoints}));
    register(&gateway, &body).await;
    (gateway, service)
}

#[tokio::test]
async fn no_protocol_but_websocket_is_passed_on() {
    let (gateway, service) = with_service(EMPTY, &["/x"]).await;
    let settings = "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";
    for (method, version, lines, passes) in [
        (
            "GET",
            "1.1",
            format!("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n{settings}"),
            false,
        ),
        (
            "GET",
            "1.1",
            format!("Connection: upgrade\r\nUpgrade: H2C\r\n{settings}"),
            false,
        ),
        (
            "POST",
            "1.1",
            format!("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n{settings}"),
            false,
        ),
        (
            "OPTIONS",
            "1.1",
            "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n".to_owned(),
            false,
        ),
        (
            "GET",
            "1.1",
            "Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n".to_owned(),
            false,
        ),
        ("GET", "1.1", settings.to_owned(), false),
        ("GET", "1.1", "HTTP2_Settings: AAMAAABk\r\n".to_owned(), false),
        (
            "GET",
            "1.0",
            "Connection: Upgrade\r\nUpgrade: websocket\r\n".to_owned(),
            false,
        ),
        (
            "POST",
            "1.1",
            "Connection: Upgrade\r\nUpgrade: websocket\r\n".to_owned(),
            false,
        ),
        ("GET", "1.1", "Upgrade: websocket\r\n".to_owned(), false),
        (
            "GET",
            "1.1",
            "Connection: Upgrade\r\nUpgrade: websocket\r\n".to_owned(),
            true,
        ),
        (
            "GET",
            "1.1",
            format!("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c, WebSocket\r\n{settings}"),
            true,
        ),
    ] {
        let request = format!("{method} /x HTTP/{version}\r\nHost: a.test\r\n{lines}\r\n");
        let answer = ask(&gateway, &request).await;
        assert!(answer.contains(" 200 OK"), "{request}: {answer}");
        let came = service.came().concat();
        assert!(
            !came.contains("settings") && !came.contains("h2c"),
            "{request}: {came}"
        );
        let upgrades = came.contains("upgrade: websocket\r\n") && came.contains("connection: upgrade\r\n");
        assert_eq!(upgrades, passes, "{request}: {came}");
        assert_eq!(came.contains("upgrade"), passes, "{request}: {came}");
    }
}

#[tokio::test]
async fn a_service_does_not_switch_to_what_was_not_asked_for() {
    const H2C: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n";
    const BOTH: &str =
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c, websocket\r\n\r\n";
    const SILENT: &str = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    const RIGHT: &str =
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: WebSocket\r\n\r\n";
    for (answer, upgrade, expected) in [
        (
            H2C,
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
            "502",
        ),
        (H2C, "Connection: Upgrade\r\nUpgrade: websocket\r\n", "502"),
        (BOTH, "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n", "502"),
        (SILENT, "Connection: Upgrade\r\nUpgrade: websocket\r\n", "502"),
        (RIGHT, "", "502"),
        (RIGHT, "Connection: Upgrade\r\nUpgrade: websocket\r\n", "101"),
    ] {
        let (gateway, _service) = with_service(answer, &["/x"]).await;
        let got = ask(
            &gateway,
            &format!("GET /x HTTP/1.1\r\nHost: a.test\r\n{upgrade}\r\n"),
        )
        .await;
        assert!(
            got.starts_with(&format!("HTTP/1.1 {expected}")),
            "{answer}{upgrade}: {got}"
        );
    }
}

#[tokio::test]
async fn what_only_proxies_may_say_is_not_passed_on() {
    let (gateway, service) = with_service(EMPTY, &["/x"]).await;
    for name in [
        "X-Forwarded-For",
        "X_Forwarded_For",
        "x.forwarded.for",
        "X-Forwarded_Host",
        "X-Forwarded-User",
        "X-Original-URL",
        "X_Rewrite_URL",
        "Forwarded",
        "Hydra_Path",
        "X-Real-IP",
        "Proxy",
        "Content_Length",
        "Remote-User",
    ] {
        let request = format!("GET /x HTTP/1.1\r\nHost: a.test\r\n{name}: forged\r\nX-Mine: kept\r\n\r\n");
        let answer = ask(&gateway, &request).await;
        assert!(answer.contains(" 200 OK"), "{request}: {answer}");
        let came = service.came().concat();
        assert!(
            !came.contains("forged") && came.contains("x-mine: kept"),
            "{name}: {came}"
        );
    }
}

#[tokio::test]
async fn the_trailers_of_a_request_say_nothing_that_its_head_decides() {
    let gateway = gateway().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let service = Running::new(address, tokio::spawn(std::future::pending()));
    register(&gateway, &said("a", &service, json!({"endpoints":["/x"]}))).await;
    let request = "POST /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\
                   Trailer: x-forwarded-for, x_forwarded_for, cookie, x-sum\r\n\r\n2\r\nok\r\n0\r\n\
                   x-forwarded-for: forged\r\nx_forwarded_for: forged\r\ncookie: forged\r\nx-sum: 7\r\n\r\n";
    let mut visitor = TcpStream::connect(gateway.address).await.expect("a connection");
    visitor.write_all(request.as_bytes()).await.expect("sent");
    let (mut stream, _) = listener.accept().await.expect("a caller");
    let mut came = String::new();
    let mut buffer = [0; 1024];
    while !came.ends_with("\r\n\r\n") || !came.contains("\r\n0\r\n") {
        let count = stream.read(&mut buffer).await.expect("a socket");
        assert!(count > 0, "{came}");
        came.push_str(std::str::from_utf8(&buffer[..count]).expect("text"));
    }
    assert!(came.contains("x-sum: 7") && !came.contains("forged"), "{came}");
}

#[tokio::test]
async fn a_request_names_one_host_or_is_refused() {
    let (gateway, service) = with_service(EMPTY, &["/x"]).await;
    let own = gateway.address.to_string();
    for (request, expected) in [
        ("GET /x HTTP/1.1\r\n\r\n", None),
        ("GET /x HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n", None),
        ("GET /x HTTP/1.1\r\nHost: a.test\r\nhost: b.test\r\n\r\n", None),
        ("GET /x HTTP/1.1\r\nHost: a.test/evil?x=@b\r\n\r\n", None),
        ("GET /x HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n", None),
        ("GET /x HTTP/1.1\r\nHost: u@a.test\r\n\r\n", None),
        ("GET /x HTTP/1.1\r\nHost:\r\n\r\n", None),
        ("GET /x HTTP/1.1\r\nHost: a.test:x\r\n\r\n", None),
        ("GET http://u@a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n", None),
        ("GET /x HTTP/1.0\r\nHost: a.test\r\nHost: b.test\r\n\r\n", None),
        ("GET /health HTTP/1.1\r\n\r\n", None),
        ("GET /x HTTP/1.0\r\n\r\n", Some(own.as_str())),
        ("GET /x HTTP/1.0\r\nHost: a.test\r\n\r\n", Some("a.test")),
        (
            "GET http://b.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n",
            Some("b.test"),
        ),
        ("GET /x HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", Some("[::1]:80")),
    ] {
        let answer = ask(&gateway, request).await;
        let came = service.came().concat();
        match expected {
            None => assert!(answer.contains(" 400 ") && came.is_empty(), "{request}: {answer}"),
            Some(host) => assert!(
                answer.contains(" 200 ")
                    && came.contains(&format!("\r\nhost: {host}\r\n"))
                    && came.contains(&format!("\r\nx-forwarded-host: {host}\r\n")),
                "{request}: {answer}{came}"
            ),
        }
    }
}

#[tokio::test]
async fn a_reserved_path_reaches_no_service_in_any_spelling() {
    let (gateway, service) = with_service(EMPTY, &["/**", "/{page}", "/{a}/{b}"]).await;
    for path in [
        "/h%2Ffragment%2Fhydra%2FrequestFragment",
        "/h%5Cfragment",
        "/h%252Ffragment",
        "/%68/x",
        "//h/x",
        "/h;a=b/x",
        "/x/..%2Fh/x",
        "/x/%252e%252e/h/x",
        "/logi%6e",
        "/logi%256e",
        "/login;x",
        "/login/",
        "//logout",
        "/%68ealth",
        "/_h%2Fx",
    ] {
        let answer = ask(
            &gateway,
            &format!("POST {path} HTTP/1.1\r\nHost: a.test\r\ncontent-length: 0\r\n\r\n"),
        )
        .await;
        assert!(answer.contains(" 40"), "{path}: {answer}");
        assert_eq!(service.came(), [""; 0], "{path}");
    }
    for path in ["/H/x", "/help", "/page;v=1", "/x/h"] {
        let answer = ask(&gateway, &format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
        assert!(answer.contains(" 200 "), "{path}: {answer}");
        assert!(
            service
                .came()
                .concat()
                .starts_with(&format!("get {} ", path.to_lowercase())),
            "{path}"
        );
    }
}

#[tokio::test]
async fn path_parameters_are_passed_on() {
    let (gateway, service) = with_service(EMPTY, &["/cart", "/item/{id}"]).await;
    for path in ["/cart;jsessionid=1", "/cart;a;b?q=;1", "/item/7;v=1"] {
        let answer = ask(&gateway, &format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
        assert!(answer.contains(" 200 "), "{path}: {answer}");
        assert!(
            service.came().concat().starts_with(&format!("get {path} ")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn trace_and_requests_without_a_hop_end_at_the_gateway() {
    let (gateway, service) = with_service(EMPTY, &["/x"]).await;
    for (method, hops, status, passes) in [
        ("TRACE", "Max-Forwards: 0\r\n", 405, false),
        ("TRACE", "Max-Forwards: 9\r\n", 405, false),
        ("TRACE", "", 405, false),
        ("OPTIONS", "Max-Forwards: 0\r\n", 204, false),
        ("OPTIONS", "Max-Forwards: 1\r\n", 200, true),
        ("OPTIONS", "Max-Forwards: x\r\n", 400, false),
        ("GET", "Max-Forwards: 0\r\n", 200, true),
    ] {
        let request = format!("{method} /x HTTP/1.1\r\nHost: a.test\r\nCookie: secret=1\r\n{hops}\r\n");
        let answer = ask(&gateway, &request).await;
        assert!(
            answer.contains(&format!(" {status} ")) && !answer.contains("secret"),
            "{request}: {answer}"
        );
        let came = service.came().concat();
        assert_eq!(!came.is_empty(), passes, "{request}");
        if method == "OPTIONS" && passes {
            assert!(came.contains("max-forwards: 0\r\n"), "{came}");
        }
    }
}

#[tokio::test]
async fn the_links_of_early_hints_join_the_answer() {
    for (hints, answer, expected) in [
        ("103 Early Hints\r\nlink: </a>", "200 OK", &["</a>"][..]),
        (
            "103 Early Hints\r\nlink: </a>",
            "200 OK\r\nlink: </b>",
            &["</b>", "</a>"],
        ),
        ("103 Early Hints\r\nlink: </a>", "200 OK\r\nlink: </a>", &["</a>"]),
        (
            "103 Early Hints\r\nlink: </a>\r\nx-other: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </b>",
            "404 Not Found",
            &["</a>", "</b>"],
        ),
        ("100 Continue\r\nlink: </a>", "200 OK", &[]),
        ("102 Processing\r\nlink: </a>", "200 OK", &[]),
        ("103 Early Hints", "200 OK", &[]),
    ] {
        let text = format!(
            "HTTP/1.1 {hints}\r\n\r\nHTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let (gateway, _service) = with_service(text.leak(), &["/x"]).await;
        let head = ask(&gateway, "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        let status = answer.lines().next().expect("a status");
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{hints}: {head}"
        );
        let links: Vec<_> = head
            .lines()
            .filter_map(|line| line.strip_prefix("link: "))
            .collect();
        assert_eq!(links, expected, "{hints}: {head}");
        assert!(!head.contains("x-other"), "{head}");
    }
}
