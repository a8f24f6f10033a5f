//! Which `Host` configured services get: with endpoints, WebSockets, fragments and health checks.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::StreamExt as _;
use http::HeaderValue;
use hydra_runtime_gateway::{Gateway, GatewayConfig};
use hydra_runtime_net::fragment_source::{Caller, WantedFragment};
use hydra_runtime_wire::{Attributes, FragmentsRequest};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    authority::Authority,
    support::{Running, post, start, until},
};

/// The path and the host of each request that came.
type Came = Arc<Mutex<Vec<(String, String)>>>;

/// A web server that answers with the host that it was asked for: in the body, and where it switches to WebSocket in a header.
struct Echo {
    running: Running,
    came: Came,
}

impl Echo {
    async fn at(address: &str, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let came = Came::default();
        let notes = Arc::clone(&came);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, notes) = (acceptor.clone(), Arc::clone(&notes));
                tokio::spawn(async move {
                    match acceptor {
                        None => echo(stream, notes).await,
                        Some(acceptor) => {
                            // Otherwise the caller wanted another name.
                            if let Ok(stream) = acceptor.accept(stream).await {
                                echo(stream, notes).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            running: Running::new(address, task),
            came,
        }
    }

    fn port(&self) -> u16 {
        self.running.address.port()
    }
}

async fn head_of(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// The values of a header in a head.
fn header<'h>(head: &'h str, wanted: &str) -> Vec<&'h str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines
        .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value)
        .collect()
}

async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin, came: Came) {
    while let Some(head) = head_of(&mut stream).await {
        let host = header(&head, "host").join(" and ");
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        came.lock().expect("not poisoned").push((path, host.clone()));
        let switches = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n";
        let answer = match header(&head, "upgrade").is_empty() {
            true => format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncache-control: max-age=60\r\ncontent-length: {}\r\n\r\n{host}",
                host.len()
            ),
            false => format!("{switches}x-host: {host}\r\n\r\n"),
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A gateway, for visitors over its port and for pages in its process.
struct Site {
    gateway: Gateway,
    running: Running,
}

impl Site {
    async fn with(settings: &str) -> Self {
        let config = GatewayConfig::from_toml(&format!("public_key = 'K'\n{settings}")).expect(settings);
        let (gateway, running) = start(config).await;
        Self {
            gateway: gateway.worker(),
            running,
        }
    }

    /// Asks for `/x` as a visitor of `host`. The head of the answer and its first bytes.
    async fn visit(&self, host: &str, more: &str) -> String {
        let asking = async {
            let address = self.running.address;
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            let request = format!("GET /x HTTP/1.1\r\nhost: {host}\r\n{more}\r\n");
            stream.write_all(request.as_bytes()).await.expect("sent");
            let mut head = head_of(&mut stream).await.expect("a head");
            let length = header(&head, "content-length").first().map(|text| text.parse());
            let mut body = vec![0; length.unwrap_or(Ok(0)).expect("a number")];
            stream.read_exact(&mut body).await.expect("a body");
            head.push_str(&String::from_utf8_lossy(&body));
            head
        };
        let time = Duration::from_secs(20);
        tokio::time::timeout(time, asking)
            .await
            .expect("an answer in time")
    }

    async fn endpoint(&self, host: &str) -> String {
        let answer = self.visit(host, "").await;
        answer.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned()
    }

    async fn socket(&self, host: &str) -> String {
        let more = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                    sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
        let answer = self.visit(host, more).await;
        header(&answer, "x-host").join(" and ")
    }

    /// The fragment `reference` of `s` on a page in the gateway's process, with its outcome.
    async fn fragment(&self, reference: &str, host: Option<&str>) -> (String, String) {
        let batch = json!({"protocol":2,"requests":{"s":[{"id":"1","ref":reference}]}});
        let batch: FragmentsRequest = serde_json::from_value(batch).expect("a batch");
        let caller = Caller {
            host: host.map(|host| HeaderValue::from_str(host).expect("a value")),
            ..Caller::default()
        };
        let source = self.gateway.source();
        let wanted = WantedFragment {
            service: "s",
            reference,
            imports: &Attributes::new(),
            exports: &[],
            call_chain: &[],
        };
        let kept = source
            .kept(&caller)
            .and_then(|kept| kept.get(&[wanted], usize::MAX)?.pop());
        let kept = kept.map(|kept| String::from_utf8(kept.html.to_vec()).expect("UTF-8"));
        let parts: Vec<_> = source.resolve(batch, caller).collect().await;
        let answer = serde_json::to_value(&parts).expect("JSON")[0]["fragments"][0].clone();
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let (html, outcome) = (text("renderedHTML"), text("outcome"));
        assert_eq!(
            kept,
            (outcome == "cached").then(|| html.clone()),
            "a page is given the same"
        );
        (html, outcome)
    }

    /// The same for a page of another process, whose call says nothing about its visitor.
    async fn fragment_for_a_service(&self) -> String {
        let batch = json!({"protocol":2,"requests":{"s":[{"id":"1","ref":"g"}]}});
        let answer = post(&self.running.url("/h/discovery/K/requestFragment"), &batch).await;
        let html = &answer.json()["fragments"][0]["renderedHTML"];
        html.as_str().unwrap_or_default().to_owned()
    }
}

fn entry(url: &str, host: Option<&str>) -> String {
    let host = host.map_or_else(String::new, |host| format!("host = '{host}'\n"));
    format!(
        "[[service]]\nname = 's'\nurl = '{url}'\n{host}endpoints = ['/x']\nfragments = {{ f = '/f', g = '/g' }}\n"
    )
}

#[tokio::test]
async fn a_configured_service_gets_the_host_that_its_entry_says_with_whatever_is_asked_for() {
    let authority = Authority::new();
    let plain = Echo::at("127.0.0.1:0", None).await;
    let six = Echo::at("[::1]:0", None).await;
    // Its certificate is for this name alone, whatever the host is.
    let secure = Echo::at("127.0.0.1:0", Some(authority.server("localhost"))).await;
    let http = format!("http://127.0.0.1:{}", plain.port());
    let http_six = format!("http://[::1]:{}", six.port());
    let https = format!("https://localhost:{}", secure.port());
    let own = |url: &str| url.split_once("//").expect("a URL").1.to_owned();
    let visitor = "site.test:8080";
    for (url, host, expected, without_visitor) in [
        (&http, None, visitor.to_owned(), own(&http)),
        (&http_six, None, visitor.to_owned(), own(&http_six)),
        (&https, None, own(&https), own(&https)),
        (&http, Some("visitor"), visitor.to_owned(), own(&http)),
        (&https, Some("visitor"), visitor.to_owned(), own(&https)),
        (&http, Some("own"), own(&http), own(&http)),
        (&http_six, Some("own"), own(&http_six), own(&http_six)),
        (&https, Some("own"), own(&https), own(&https)),
        (&http, Some("some.name"), "some.name".into(), "some.name".into()),
        (&https, Some("some.name"), "some.name".into(), "some.name".into()),
        (
            &https,
            Some("some.name:8443"),
            "some.name:8443".into(),
            "some.name:8443".into(),
        ),
        (
            &http,
            Some("[2001:db8::1]:9"),
            "[2001:db8::1]:9".into(),
            "[2001:db8::1]:9".into(),
        ),
    ] {
        let file = authority.file.display();
        let site = Site::with(&format!("upstream_ca = '{file}'\n{}", entry(url, host))).await;
        let what = format!("{url} {host:?}");
        assert_eq!(site.endpoint(visitor).await, expected, "endpoint of {what}");
        assert_eq!(site.socket(visitor).await, expected, "socket of {what}");
        let fragment = site.fragment("f", Some(visitor)).await;
        assert_eq!(fragment.0, expected, "fragment of {what}");
        assert_eq!(site.fragment_for_a_service().await, without_visitor, "{what}");
    }
}

#[tokio::test]
async fn fragments_that_are_kept_are_kept_for_each_host_that_their_service_gets() {
    let service = Echo::at("127.0.0.1:0", None).await;
    let url = format!("http://127.0.0.1:{}", service.port());
    let own = format!("127.0.0.1:{}", service.port());
    let (rendered, cached) = ("rendered", "cached");
    let asked = [
        Some("a.test"),
        Some("b.test"),
        Some("a.test:80"),
        None,
        Some("a.test"),
    ];
    for (host, expected) in [
        (
            None,
            [
                ("a.test", rendered),
                ("b.test", rendered),
                ("a.test:80", rendered),
                (&own, rendered),
                ("a.test", cached),
            ],
        ),
        (
            Some("own"),
            [
                (&*own, rendered),
                (&own, cached),
                (&own, cached),
                (&own, cached),
                (&own, cached),
            ],
        ),
        (
            Some("some.name"),
            [
                ("some.name", rendered),
                ("some.name", cached),
                ("some.name", cached),
                ("some.name", cached),
                ("some.name", cached),
            ],
        ),
    ] {
        let site = Site::with(&entry(&url, host)).await;
        for (visitor, (html, outcome)) in asked.into_iter().zip(expected) {
            let came = site.fragment("f", visitor).await;
            assert_eq!(
                came,
                (html.to_owned(), outcome.to_owned()),
                "{host:?} {visitor:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_visitors_host_that_is_none_reaches_no_service() {
    let service = Echo::at("127.0.0.1:0", None).await;
    let own = format!("127.0.0.1:{}", service.port());
    let site = Site::with(&entry(&format!("http://{own}"), Some("visitor"))).await;
    for host in ["", "a b", "a.test/x", "user@a.test", "a.test, b.test", "a\tb"] {
        assert_eq!(site.fragment("f", Some(host)).await.0, own, "{host:?}");
    }
}

#[tokio::test]
async fn each_instance_of_a_service_gets_its_own_host() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let dead = format!("http://{}", closed.local_addr().expect("an address"));
    drop(closed);
    let living = Echo::at("127.0.0.1:0", None).await;
    let url = format!("http://127.0.0.1:{}", living.port());
    for (first, second, expected) in [
        (Some("first.name"), Some("visitor"), "site.test"),
        (Some("first.name"), Some("second.name"), "second.name"),
        (Some("visitor"), Some("second.name"), "second.name"),
    ] {
        let site = Site::with(&(entry(&dead, first) + &entry(&url, second))).await;
        for _ in 0..4 {
            assert_eq!(site.endpoint("site.test").await, expected, "{first:?} {second:?}");
            assert_eq!(
                site.fragment("g", Some("site.test")).await.0,
                expected,
                "{first:?} {second:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_health_of_a_service_is_asked_of_its_host() {
    for host in [None, Some("visitor"), Some("own"), Some("some.name")] {
        let service = Echo::at("127.0.0.1:0", None).await;
        let own = format!("127.0.0.1:{}", service.port());
        let settings = entry(&format!("http://{own}"), host) + "health = '/ping'\n";
        let _site = Site::with(&settings).await;
        let expected = (
            "/ping".to_owned(),
            host.filter(|host| host.contains('.')).unwrap_or(&own).to_owned(),
        );
        until("its health is asked for", async || {
            service.came.lock().expect("not poisoned").contains(&expected)
        })
        .await;
    }
}

#[test]
fn a_host_that_is_none_is_said_with_its_place() {
    for bad in [
        "",
        "Visitor",
        "OWN",
        "https://some.name",
        "some name",
        "::1",
        "*.some.name",
        "a.test,b.test",
        "x:99999",
    ] {
        let error = GatewayConfig::from_toml(&entry("http://127.0.0.1:9", Some(bad)))
            .expect_err(bad)
            .to_string();
        assert!(
            error.starts_with("line 4, column 8: `host` must be \"visitor\""),
            "{bad}: {error}"
        );
    }
    let number = "[[service]]\nname = 's'\nurl = 'http://x'\nhost = 7\n";
    let error = GatewayConfig::from_toml(number)
        .expect_err("a number")
        .to_string();
    assert!(error.starts_with("line 4, column 8"), "{error}");
}
