//! Both ends of a channel, and what neither must take.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

use futures_util::{FutureExt as _, StreamExt as _, stream};
use http::{HeaderValue, header::COOKIE};
use hydra_runtime_rsocket::{
    Payload,
    metadata::{CompositeWriter, MimeType, route},
};
use tokio::{io::AsyncReadExt as _, net::TcpListener, time::Instant};

use super::*;

fn header(name: &'static str, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(
        http::HeaderName::from_static(name),
        HeaderValue::from_static(value),
    )])
}

#[test]
fn requests_come_out_as_they_went_in() {
    let mut several = header("cookie", "a=1");
    several.append(COOKIE, HeaderValue::from_static("b=2"));
    several.extend(header("traceparent", "00-1"));
    let mut no_text = HeaderMap::new();
    no_text.insert(COOKIE, HeaderValue::from_bytes(b"a=\xff").unwrap());
    for headers in [HeaderMap::new(), header("cookie", "a=\"1\""), several, no_text] {
        // A value that is not text does not travel.
        let travels = headers.values().all(|value| value.to_str().is_ok());
        let request = ChannelRequest {
            headers: headers.clone(),
            ..ChannelRequest::new(REQUEST_FRAGMENT, "{}")
        };
        let payload = metadata::payload(request).unwrap();
        let came = metadata::request(payload).unwrap();
        assert_eq!((&*came.route, &came.body[..]), (REQUEST_FRAGMENT, &b"{}"[..]));
        assert_eq!(came.headers == headers, travels, "{headers:?}");
    }
}

#[test]
fn payloads_that_are_not_requests() {
    let routing = |tag: &str| route(&[tag]).unwrap();
    let (route_type, json) = (MimeType::of_id(0x7E), MimeType::of_id(0x05));
    let with_json = |text: &str| {
        let composite = CompositeWriter::new().push(&route_type, &routing("x")).unwrap();
        composite.push(&json, text.as_bytes()).unwrap().finish()
    };
    let long = format!(r#"{{"cookie":"{}"}}"#, "x".repeat(40 << 10));
    for (what, metadata) in [
        ("no metadata", None),
        ("empty metadata", Some(Bytes::new())),
        ("noise", Some(Bytes::from_static(&[0xff; 9]))),
        (
            "a cut entry",
            Some(Bytes::from_static(&[0xfe, 0, 0, 200, 1, b'x'])),
        ),
        (
            "no route",
            Some(CompositeWriter::new().push(&json, b"{}").unwrap().finish()),
        ),
        ("a list of headers", Some(with_json("[1]"))),
        ("a number", Some(with_json(r#"{"cookie":1}"#))),
        ("half an object", Some(with_json(r#"{"cookie":"#))),
        ("a wrong name", Some(with_json(r#"{"coo kie":"a"}"#))),
        ("a line break", Some(with_json(r#"{"cookie":"a\r\nx: y"}"#))),
        ("long headers", Some(with_json(&long))),
    ] {
        let payload = Payload {
            metadata,
            data: Bytes::new(),
        };
        let refusal = metadata::request(payload).expect_err(what);
        assert_eq!(refusal.kind, RefusalKind::Invalid, "{what}");
        assert!(refusal.reason.len() < 200, "{what}: {}", refusal.reason.len());
    }
}

#[test]
fn statuses_of_http_become_refusals_of_three_kinds() {
    for (status, expected) in [
        (400, RefusalKind::Invalid),
        (401, RefusalKind::Rejected),
        (403, RefusalKind::Rejected),
        (503, RefusalKind::Rejected),
        (404, RefusalKind::Failed),
        (409, RefusalKind::Failed),
        (413, RefusalKind::Failed),
        (500, RefusalKind::Failed),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(Refusal::of_status(status, "").kind, expected, "{status}");
    }
}

/// Answers by route, and counts the requests that are under way.
#[derive(Default)]
struct Echo {
    under_way: Arc<AtomicUsize>,
    told: OnceLock<Bytes>,
}

struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Handler for Echo {
    fn answer(&self, request: ChannelRequest) -> BoxFuture<'_, Result<Bytes, Refusal>> {
        self.under_way.fetch_add(1, SeqCst);
        let under_way = UnderWay(self.under_way.clone());
        async move {
            let _under_way = under_way;
            let refuse = |kind| Err(Refusal::new(kind, "as asked"));
            match &*request.route {
                "invalid" => refuse(RefusalKind::Invalid),
                "rejected" => refuse(RefusalKind::Rejected),
                "failed" => refuse(RefusalKind::Failed),
                "panic" => panic!("as asked"),
                "hung" => std::future::pending().await,
                "long" => Ok(vec![b'x'; 2 << 20].into()),
                _ => Ok(request.body),
            }
        }
        .boxed()
    }

    fn follow(&self, request: ChannelRequest) -> BoxStream<'static, Result<Bytes, Refusal>> {
        stream::iter([1, 2, 3])
            .map(move |_| Ok(request.body.clone()))
            .boxed()
    }

    fn told(&self, request: ChannelRequest) -> BoxFuture<'_, ()> {
        let _ = self.told.set(request.body);
        std::future::ready(()).boxed()
    }
}

/// A channel over a real socket: the service's end, the gateway's end, and the gateway's handler.
async fn pair(service: ChannelConfig) -> (Arc<dyn Link>, Arc<dyn Link>, Arc<Echo>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let handler = Arc::new(Echo::default());
    let answering = handler.clone();
    let accepting = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = upgraded(stream).await;
        let config = ChannelConfig::new(1 << 20);
        let opening = receive_websocket(stream, config).await.unwrap();
        assert_eq!(&opening.data[..], b"{}");
        opening.accept(answering, config)
    });
    let until = Instant::now() + Duration::from_secs(20);
    let echo = Arc::new(Echo::default());
    let link = connect(
        &gateway,
        "/h/channel/K",
        b"{}".to_vec(),
        &[],
        echo,
        (service, until),
    );
    (link.await.unwrap(), accepting.await.unwrap(), handler)
}

/// Answers a handshake by hand.
async fn upgraded(mut stream: tokio::net::TcpStream) -> tokio::net::TcpStream {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let mut headers = HeaderMap::new();
    for line in head.lines().skip(1).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        let name: http::HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    let Handshake::Accept(accept) = handshake(&headers) else {
        panic!("no handshake: {head}");
    };
    let accept = accept.to_str().unwrap();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\n\r\n"
    );
    tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes())
        .await
        .unwrap();
    stream
}

#[tokio::test]
async fn each_answer_says_whether_something_was_done() {
    let (service, gateway, _) = pair(ChannelConfig::new(1 << 20)).await;
    let ask = async |route: &'static str| service.request(ChannelRequest::new(route, "body")).await;
    assert_eq!(ask("echo").await.unwrap(), "body");
    let is = |error: &LinkError| match error {
        LinkError::Undone(_) => "undone",
        LinkError::Lost(_) => "lost",
        LinkError::Failed(_) => "failed",
    };
    for (route, expected) in [
        ("invalid", "failed"),
        ("rejected", "undone"),
        ("failed", "failed"),
        ("panic", "failed"),
        // It has more bytes than this end takes.
        ("long", "failed"),
    ] {
        assert_eq!(is(&ask(route).await.unwrap_err()), expected, "{route}");
    }
    let items: Vec<_> = service.follow(ChannelRequest::new("x", "item")).collect().await;
    assert_eq!(
        items,
        [1, 2, 3].map(|_| Ok::<_, LinkError>(Bytes::from_static(b"item")))
    );
    // The other direction, and the end.
    assert_eq!(
        gateway
            .request(ChannelRequest::new("echo", "back"))
            .await
            .unwrap(),
        "back"
    );
    let hung = service.request(ChannelRequest::new("hung", ""));
    let lost = async {
        tokio::task::yield_now().await;
        gateway.abort("killed");
    };
    let (hung, ()) = futures_util::join!(hung, lost);
    assert_eq!(is(&hung.unwrap_err()), "lost");
    assert_eq!(is(&ask("echo").await.unwrap_err()), "undone");
    assert!(!service.is_open());
    assert_eq!(service.closed().await.kind, "closed");
}

#[tokio::test]
async fn a_request_that_is_dropped_ends_at_the_other_side() {
    let (service, gateway, handler) = pair(ChannelConfig::new(1 << 20)).await;
    let hung = tokio::spawn(async move { service.request(ChannelRequest::new("hung", "")).await });
    let until = async |count: usize| {
        while handler.under_way.load(SeqCst) != count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    until(1).await;
    assert_eq!(gateway.statistics().served, 1);
    hung.abort();
    until(0).await;
    // The service's end was dropped with its last request.
    assert_eq!(gateway.closed().await.kind, "closed");
}

#[tokio::test]
async fn a_request_without_answer_arrives_and_what_is_closed_says_so_to_both_sides() {
    let (service, gateway, handler) = pair(ChannelConfig::new(1 << 20)).await;
    service.tell(ChannelRequest::new(LEAVING, "bye")).await;
    while handler.told.get().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    service.close();
    assert_eq!(gateway.closed().await.kind, "closed");
    assert_eq!(service.closed().await.kind, "closed");
}

#[tokio::test]
async fn where_no_channel_can_be_opened_it_is_said_whether_anything_is_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let open = async || {
        let gateway = format!("http://{address}").parse().unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        let (config, nobody) = (ChannelConfig::new(1 << 20), Arc::new(Echo::default()));
        let opened = connect(&gateway, "/h/channel/K", Vec::new(), &[], nobody, (config, until));
        opened.await.map(drop).expect_err("no channel")
    };
    for answer in [
        "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        "nonsense",
        "",
    ] {
        let answering = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes())
                .await
                .unwrap();
        };
        let (error, ()) = futures_util::join!(open(), answering);
        assert!(matches!(error, ConnectError::Refused(_)), "{answer}: {error}");
    }
    drop(listener);
    let error = open().await;
    assert!(matches!(error, ConnectError::Away(_)), "{error}");
}
