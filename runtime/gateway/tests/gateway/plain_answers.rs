//! Answers of plain services as they come from servers of all kinds: other types, codings, charsets and ages.

use std::{
    sync::{Arc, Mutex},
    time::SystemTime,
};

use http::Request;
use hydra_runtime_gateway::GatewayConfig;
use hydra_runtime_wire::{forms::sent::SentCookies, signing::seconds};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::{Log, Running, gateway_with, send};

/// A server that answers every request with these bytes, and keeps the requests.
struct Raw {
    running: Running,
    requests: Arc<Mutex<Vec<String>>>,
}

/// `head`: the status and the fields, a line each.
async fn raw(head: &[u8], body: &[u8]) -> Raw {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let rest = format!("\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    let answer = Arc::new([b"HTTP/1.1 ", head, rest.as_bytes(), body].concat());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&requests);
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (answer, heard) = (Arc::clone(&answer), Arc::clone(&heard));
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let text = String::from_utf8_lossy(&request).into_owned();
                heard.lock().expect("not poisoned").push(text);
                let _ = stream.write_all(&answer).await;
            });
        }
    });
    let running = Running::new(address, task);
    Raw { running, requests }
}

impl Raw {
    fn config(&self) -> String {
        format!(
            "public_key = 'K'\n[[service]]\nname = 's'\nurl = '{}'\nfragments = {{ f = '/f' }}\n",
            self.running.url("")
        )
    }

    async fn gateway(&self) -> Running {
        gateway_with(GatewayConfig::from_toml(&self.config()).expect("good")).await
    }

    fn count(&self) -> usize {
        self.requests.lock().expect("not poisoned").len()
    }
}

async fn ask(gateway: &Running) -> Value {
    ask_with(gateway, "").await
}

/// The same for a visitor with these cookies.
async fn ask_with(gateway: &Running, cookies: &str) -> Value {
    let item = json!({"id":"1","ref":"f","exports":["city"],"deadline":1900});
    let batch = json!({"protocol":2,"requests":{"s":[item]}});
    let request = Request::post(gateway.url("/h/discovery/K/requestFragment"))
        .header("content-type", "application/json")
        .header("cookie", cookies)
        .body(batch.to_string().into());
    send(request.expect("a request")).await.json()["fragments"][0].clone()
}

/// `expected`: the HTML, or a part of the reason.
async fn check(head: &[u8], body: &[u8], expected: Result<&str, &str>) -> Value {
    let server = raw(head, body).await;
    let fragment = ask(&server.gateway().await).await;
    let shown = String::from_utf8_lossy(head);
    match expected {
        Ok(html) => assert_eq!(fragment["renderedHTML"], html, "{shown}: {fragment}"),
        Err(part) => {
            assert_eq!(fragment["outcome"], "failed", "{shown}: {fragment}");
            let reason = fragment["reason"].as_str().expect("a reason");
            assert!(reason.contains(part), "{shown}: {fragment}");
        }
    }
    fragment
}

/// `<p>gzip</p>`, encoded by gzip.
const GZIP: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 179, 41, 176, 75, 175, 202, 44, 176, 209, 47, 176, 3, 0, 236, 76, 224,
    122, 11, 0, 0, 0,
];

#[tokio::test]
async fn types_codings_and_charsets_are_read_as_the_answer_states_them() {
    for (head, body, expected) in [
        (&b"200 OK"[..], &b"<p>"[..], Ok("<p>")),
        (
            b"200 OK\r\ncontent-type: text/html",
            b"\xef\xbb\xbf<p>",
            Ok("<p>"),
        ),
        (b"200 OK\r\ncontent-encoding: gzip", GZIP, Ok("<p>gzip</p>")),
        (
            b"200 OK\r\nContent-Encoding: br",
            b"\x0b\x01",
            Err("encoded as `br`"),
        ),
        (
            b"200 OK\r\ncontent-type: text/html; charset=iso-8859-1",
            b"K\xf6ln",
            Ok("Köln"),
        ),
        (
            b"200 OK\r\ncontent-type: text/html;charset=ISO-2022-JP",
            b"\x1b$B$\"\x1b(B",
            Ok("あ"),
        ),
        (
            b"200 OK\r\ncontent-type: text/html",
            b"K\xf6ln",
            Err("names no charset"),
        ),
        (
            b"200 OK\r\ncontent-type: text/plain",
            b"<p>",
            Err("`text/plain`, not HTML"),
        ),
        (
            b"200 OK\r\ncontent-type: application/json",
            b"{}",
            Err("`application/json`, not HTML"),
        ),
        (b"204 No Content", b"", Ok("")),
        (
            b"206 Partial Content\r\ncontent-range: bytes 0-2/9",
            b"<p>",
            Err("206"),
        ),
    ] {
        check(head, body, expected).await;
    }
}

#[tokio::test]
async fn exports_that_can_not_be_read_cost_no_html() {
    let log = Log::default();
    let _guard = log.here();
    for (value, city) in [
        ("{\"city\":\"Köln\"}".as_bytes(), json!("Köln")),
        (b"{\"city\":\"K\\u00f6ln\"}", json!("Köln")),
        (b"{\"city\":\"K\xf6ln\"}", Value::Null),
        (b"{not json", Value::Null),
        (b"[1]", Value::Null),
        (b"{\"city\":1}\r\nhydra-exports: {\"city\":2}", Value::Null),
    ] {
        let head = [b"200 OK\r\nhydra-exports: ", value].concat();
        let fragment = check(&head, b"<p>", Ok("<p>")).await;
        assert_eq!(fragment["exports"]["city"], city, "{fragment}");
        assert_eq!(fragment["outcome"], "rendered");
    }
    let text = log.text();
    assert!(
        text.contains("not UTF-8 but of another encoding, such as ISO-8859-1"),
        "{text}"
    );
    assert_eq!(text.matches("its exports are lost").count(), 4, "{text}");
}

#[tokio::test]
async fn an_empty_answer_has_exports_too() {
    let head = b"204 No Content\r\nhydra-exports: {\"city\":\"Bonn\"}\r\ncache-control: max-age=60";
    let server = raw(head, b"").await;
    let gateway = server.gateway().await;
    for outcome in ["rendered", "cached"] {
        let fragment = ask(&gateway).await;
        assert_eq!(
            (&fragment["renderedHTML"], &fragment["outcome"]),
            (&json!(""), &json!(outcome))
        );
        assert_eq!(fragment["exports"]["city"], "Bonn");
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn an_answer_is_kept_for_the_rest_of_its_lifetime_only() {
    for (fields, is_kept) in [
        ("cache-control: max-age=60", true),
        ("cache-control: max-age=60\r\nage: 20", true),
        ("cache-control: max-age=60\r\nage: 60", false),
        ("cache-control: max-age=60, private", false),
        ("cache-control: max-age=60\r\ncache-control: no-cache", false),
        ("cache-control: max-age=60\r\nvary: *", false),
        ("cache-control: max-age=60\r\nvary: accept-encoding", true),
        (
            "cache-control: max-age=60\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT",
            false,
        ),
        ("expires: 0", false),
        ("expires: Fri, 31 Dec 9999 23:59:59 GMT", true),
        (
            "expires: Fri, 31 Dec 9999 23:59:59 GMT\r\nage: 999999999999",
            false,
        ),
    ] {
        let server = raw(format!("200 OK\r\n{fields}").as_bytes(), b"<p>").await;
        let gateway = server.gateway().await;
        for _ in 0..3 {
            assert_eq!(ask(&gateway).await["renderedHTML"], "<p>", "{fields}");
        }
        assert_eq!(server.count(), if is_kept { 1 } else { 3 }, "{fields}");
    }
}

#[tokio::test]
async fn who_has_just_sent_a_form_gets_no_kept_answer() {
    let key = "the private key of this test";
    let server = raw(b"200 OK\r\ncache-control: max-age=60", b"<p>").await;
    let text = format!(
        "allow_unsigned = true\nprivate_key = '{key}'\n{}",
        server.config()
    );
    let gateway = gateway_with(GatewayConfig::from_toml(&text).expect("good")).await;
    let now = seconds(SystemTime::now());
    let sent = |key, now| {
        let cookie = SentCookies::new(Some(key), None)
            .set(false, now)
            .expect("a cookie");
        let cookie = cookie.to_str().expect("ASCII").to_owned();
        cookie.split(';').next().expect("a pair").to_owned()
    };
    for (cookie, outcome) in [
        ("theme=dark".to_owned(), "rendered"),
        ("theme=dark".to_owned(), "cached"),
        (sent(key, now), "rendered"),
        (sent(key, now - 60), "cached"),
        (sent("another key", now), "cached"),
    ] {
        let fragment = ask_with(&gateway, &cookie).await;
        assert_eq!(fragment["outcome"], outcome, "{cookie}");
    }
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn no_coding_is_asked_for() {
    let server = raw(b"200 OK", b"<p>").await;
    ask(&server.gateway().await).await;
    let requests = server.requests.lock().expect("not poisoned");
    assert!(
        requests[0].contains("\r\naccept-encoding: identity\r\n"),
        "{}",
        requests[0]
    );
}
