//! Who stops reading stops the sender, in both directions.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::{net::TcpStream, sync::Notify};

use crate::support::{Running, gateway, register, said, service};

const PIECE_BYTES: usize = 64 << 10;
/// 96 MiB in all.
const PIECES: usize = 1_536;
/// What all buffers between both ends hold at most: those of the system may have some megabytes for each of four sockets.
const MOST_ON_THE_WAY: usize = 768;

/// What both ends share.
#[derive(Clone, Default)]
struct Ends {
    /// Pieces that the sender has made.
    sent: Arc<AtomicUsize>,
    /// Lets the reader of an upload go on.
    go_on: Arc<Notify>,
}

impl Ends {
    /// A long body that counts its pieces.
    fn body(&self) -> Body {
        let sent = Arc::clone(&self.sent);
        let pieces = stream::unfold(0, move |number| {
            sent.fetch_add(usize::from(number < PIECES), SeqCst);
            let piece = Bytes::from_static(&[b'x'; PIECE_BYTES]);
            async move { (number < PIECES).then_some((Ok::<_, std::io::Error>(piece), number + 1)) }
        });
        Body::from_stream(pieces)
    }

    /// Waits until the sender makes no further pieces, and returns how many it has made.
    async fn stopped_at(&self) -> usize {
        let (mut last, mut quiet) = (0, 0);
        while quiet < 10 {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let now = self.sent.load(SeqCst);
            quiet = if now == last && now > 0 { quiet + 1 } else { 0 };
            last = now;
        }
        last
    }
}

/// Reads one piece of an upload and then nothing until it may go on. The answer is the length of all.
async fn receive(State(ends): State<Ends>, request: Request<Body>) -> String {
    let mut body = request.into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        if length == 0 {
            ends.go_on.notified().await;
        }
        length += frame.expect("a piece").into_data().expect("data").len();
    }
    length.to_string()
}

async fn site() -> (Running, Running, Ends) {
    let ends = Ends::default();
    let download = async |State(ends): State<Ends>| ends.body();
    let router = Router::new()
        .route("/down", get(download))
        .route("/up", post(receive))
        .with_state(ends.clone());
    let service = service(router).await;
    let gateway = gateway().await;
    register(
        &gateway,
        &said("a", &service, json!({"endpoints":["/down", "/up"]})),
    )
    .await;
    (gateway, service, ends)
}

async fn send(gateway: &Running, is_http2: bool, request: Request<Body>) -> Response<Incoming> {
    let stream = TcpStream::connect(gateway.address).await.expect("a gateway");
    // Otherwise the end of each piece waits for a delayed acknowledgement.
    stream.set_nodelay(true).expect("a socket");
    let io = TokioIo::new(stream);
    let answered = match is_http2 {
        true => {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.expect("HTTP/2");
            tokio::spawn(connection);
            sender.send_request(request).await
        }
        false => {
            let (mut sender, connection) = http1::handshake(io).await.expect("HTTP/1.1");
            tokio::spawn(connection);
            sender.send_request(request).await
        }
    };
    let answer = answered.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer
}

fn request(gateway: &Running, path: &str, body: Body) -> Request<Body> {
    let method = if path == "/up" { "POST" } else { "GET" };
    let request = Request::builder().method(method).uri(gateway.url(path));
    // The same as in the URI, which is what HTTP/2 sends.
    let request = request.header("host", gateway.address.to_string());
    request.body(body).expect("a request")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_who_stops_reading_stops_the_service() {
    for is_http2 in [false, true] {
        let (gateway, _service, ends) = site().await;
        let answer = send(&gateway, is_http2, request(&gateway, "/down", Body::empty())).await;
        let mut body = answer.into_body();
        let first = body.frame().await.expect("a piece").expect("a piece");
        let stopped = ends.stopped_at().await;
        assert!(stopped < MOST_ON_THE_WAY, "HTTP/2 {is_http2}: {stopped} pieces");
        let mut length = first.into_data().expect("data").len();
        while let Some(frame) = body.frame().await {
            length += frame.expect("a piece").into_data().expect("data").len();
        }
        assert_eq!(length, PIECES * PIECE_BYTES, "the rest comes once it is read");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_stops_reading_stops_the_visitor() {
    for is_http2 in [false, true] {
        let (gateway, _service, ends) = site().await;
        let upload = request(&gateway, "/up", ends.body());
        let answering = tokio::spawn(async move {
            let answer = send(&gateway, is_http2, upload).await;
            let body = answer.into_body().collect().await.expect("a body").to_bytes();
            (body, gateway)
        });
        let stopped = ends.stopped_at().await;
        assert!(stopped < MOST_ON_THE_WAY, "HTTP/2 {is_http2}: {stopped} pieces");
        ends.go_on.notify_one();
        let (body, _gateway) = answering.await.expect("an answer");
        assert_eq!(
            body,
            (PIECES * PIECE_BYTES).to_string(),
            "the rest goes once it is read"
        );
    }
}
