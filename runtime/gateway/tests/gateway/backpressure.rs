//! Who stops reading stops the sender, in both directions, with both versions of HTTP and over sockets.
//!
//! The kernel may keep tens of megabytes for a connection. So the tests ask it how much it keeps (`/proc/net/tcp`): what is on the way
//! beyond that is what the gateway holds, and the small buffers of the ends.

#![cfg(target_os = "linux")]

use std::{
    net::SocketAddr,
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
    response::IntoResponse,
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use crate::support::{Running, gateway, register, said};

const PIECE: &[u8] = &[b'x'; 16 << 10];
/// 96 MiB in all: more than the kernel keeps for all sockets on the way.
const PIECES: usize = 6 << 10;
const WHOLE_BYTES: usize = PIECES * PIECE.len();
/// The buffers of each end, in its library.
const END_BYTES: usize = 64 << 10;
/// What may be on the way beside what the kernel keeps: the documented `connection_buffer` of the gateway, and the buffers of the ends.
const MOST_HELD_BYTES: usize = (128 << 10) + 2 * END_BYTES;

/// What both ends share.
#[derive(Clone, Default)]
struct Ends {
    /// Pieces that the sender has made.
    sent: Arc<AtomicUsize>,
    /// Lets the reader of an upload go on.
    go_on: Arc<Notify>,
    /// How much that reader has read.
    read: Arc<AtomicUsize>,
}

impl Ends {
    /// A long body that counts its pieces.
    fn body(&self) -> Body {
        let sent = Arc::clone(&self.sent);
        let pieces = stream::unfold(0, move |number| {
            sent.fetch_add(usize::from(number < PIECES), SeqCst);
            async move {
                (number < PIECES).then_some((Ok::<_, std::io::Error>(Bytes::from_static(PIECE)), number + 1))
            }
        });
        Body::from_stream(pieces)
    }

    /// Writes the same to a socket.
    async fn write(&self, stream: &mut (impl AsyncWriteExt + Unpin)) {
        for _ in 0..PIECES {
            self.sent.fetch_add(1, SeqCst);
            stream.write_all(PIECE).await.expect("sent");
        }
    }

    /// Reads one part of what comes over a socket and then nothing until it may go on. Returns the length of all.
    async fn read(&self, stream: &mut (impl AsyncReadExt + Unpin)) -> usize {
        let mut buffer = vec![0; PIECE.len()];
        let mut length = 0;
        while length < WHOLE_BYTES {
            let count = stream.read(&mut buffer).await.expect("a part");
            assert!(count > 0, "it ends after {length}");
            if length == 0 {
                self.read.store(count, SeqCst);
                self.go_on.notified().await;
            }
            length += count;
        }
        length
    }

    /// Waits until the sender makes no further pieces, and checks that no more is on the way than may be. The reader has read
    /// `read` bytes, or what [`Ends::read`] says.
    async fn stops(&self, site: &Site, read: Option<usize>, what: &str) {
        let (mut last, mut quiet) = (0, 0);
        while quiet < 10 {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let now = self.sent.load(SeqCst);
            quiet = if now == last && now > 0 { quiet + 1 } else { 0 };
            last = now;
        }
        assert!(last < PIECES, "{what}: all was sent");
        let read = read.unwrap_or_else(|| self.read.load(SeqCst));
        let queued = queued([site.gateway.address, site.service.address]);
        let held = (last * PIECE.len()).saturating_sub(read + queued);
        assert!(
            held <= MOST_HELD_BYTES,
            "{what}: {held} beside {queued} in the kernel"
        );
    }
}

/// How many bytes the kernel keeps for connections to these addresses: sent and not received, or received and not read.
fn queued(addresses: [SocketAddr; 2]) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the connections");
    let ports = addresses.map(|address| format!(":{:04X}", address.port()));
    let number = |text: &str| usize::from_str_radix(text, 16).unwrap_or_default();
    let of_line = |line: &str| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let [_, local, remote, _, queues, ..] = cells[..] else {
            return 0;
        };
        let (to_send, to_read) = queues.split_once(':').unwrap_or_default();
        let is_ours = ports
            .iter()
            .any(|port| local.ends_with(port) || remote.ends_with(port));
        // A port that listens has a number there, too.
        let is_open = !remote.ends_with(":0000");
        usize::from(is_ours && is_open) * (number(to_send) + number(to_read))
    };
    table.lines().skip(1).map(of_line).sum()
}

/// Reads one part of an upload and then nothing until it may go on. The answer is the length of all.
async fn receive(State(ends): State<Ends>, request: Request<Body>) -> String {
    let mut body = request.into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let count = frame.expect("a part").into_data().expect("data").len();
        if length == 0 {
            ends.read.store(count, SeqCst);
            ends.go_on.notified().await;
        }
        length += count;
    }
    length.to_string()
}

/// A socket that sends all pieces if its path says so, or reads them, and then says the length.
async fn socket(State(ends): State<Ends>, mut request: Request<Body>) -> impl IntoResponse {
    let sends = request.uri().query() == Some("down");
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgraded.await.expect("switched"));
        if sends {
            ends.write(&mut stream).await;
        } else {
            let length = ends.read(&mut stream).await;
            stream
                .write_all(length.to_string().as_bytes())
                .await
                .expect("sent");
        }
        stream.shutdown().await.expect("ended");
    });
    let headers = [("connection", "upgrade"), ("upgrade", "websocket")];
    (StatusCode::SWITCHING_PROTOCOLS, headers)
}

/// A gateway and a service with small buffers of its own.
struct Site {
    gateway: Running,
    service: Running,
    ends: Ends,
}

impl Site {
    async fn open() -> Self {
        let ends = Ends::default();
        let download = async |State(ends): State<Ends>| ends.body();
        let router = Router::new()
            .route("/down", get(download))
            .route("/up", post(receive))
            .route("/socket", get(socket))
            .with_state(ends.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = hyper_util::service::TowerToHyperService::new(router.clone());
                let mut server = hyper::server::conn::http1::Builder::new();
                server.max_buf_size(PIECE.len());
                tokio::spawn(
                    server
                        .serve_connection(TokioIo::new(stream), service)
                        .with_upgrades(),
                );
            }
        });
        let service = Running::new(address, task);
        let gateway = gateway().await;
        let more = json!({"endpoints":["/down", "/up", "/socket"]});
        register(&gateway, &said("a", &service, more)).await;
        Self {
            gateway,
            service,
            ends,
        }
    }

    async fn send(&self, is_http2: bool, path: &str, body: Body) -> Response<Incoming> {
        send(self.gateway.address, is_http2, request(&self.gateway, path, body)).await
    }

    /// A socket of a visitor.
    async fn socket(&self, query: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.gateway.address).await.expect("a gateway");
        let request = format!(
            "GET /socket?{query} HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
            self.gateway.address
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("a head"));
        }
        assert!(
            head.starts_with(b"HTTP/1.1 101 "),
            "{}",
            String::from_utf8_lossy(&head)
        );
        stream
    }
}

async fn send(gateway: SocketAddr, is_http2: bool, request: Request<Body>) -> Response<Incoming> {
    let stream = TcpStream::connect(gateway).await.expect("a gateway");
    // Otherwise the end of each piece waits for a delayed acknowledgement.
    stream.set_nodelay(true).expect("a socket");
    let io = TokioIo::new(stream);
    let answered = match is_http2 {
        true => {
            let mut client = http2::Builder::new(TokioExecutor::new());
            let window = u32::try_from(PIECE.len()).expect("small");
            client
                .initial_stream_window_size(window)
                .max_send_buf_size(PIECE.len());
            let (mut sender, connection) = client.handshake(io).await.expect("HTTP/2");
            tokio::spawn(connection);
            sender.send_request(request).await
        }
        false => {
            let mut client = http1::Builder::new();
            client.max_buf_size(PIECE.len());
            let (mut sender, connection) = client.handshake(io).await.expect("HTTP/1.1");
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
        let site = Site::open().await;
        let answer = site.send(is_http2, "/down", Body::empty()).await;
        let mut body = answer.into_body();
        let first = body.frame().await.expect("a part").expect("a part");
        let mut length = first.into_data().expect("data").len();
        let what = format!("HTTP/2 {is_http2}");
        site.ends.stops(&site, Some(length), &what).await;
        while let Some(frame) = body.frame().await {
            length += frame.expect("a part").into_data().expect("data").len();
        }
        assert_eq!(length, WHOLE_BYTES, "the rest comes once it is read");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_stops_reading_stops_the_visitor() {
    for is_http2 in [false, true] {
        let site = Site::open().await;
        let upload = request(&site.gateway, "/up", site.ends.body());
        let address = site.gateway.address;
        let answering = tokio::spawn(async move {
            let answer = send(address, is_http2, upload).await;
            answer.into_body().collect().await.expect("a body").to_bytes()
        });
        site.ends.stops(&site, None, &format!("HTTP/2 {is_http2}")).await;
        site.ends.go_on.notify_one();
        let body = answering.await.expect("an answer");
        assert_eq!(body, WHOLE_BYTES.to_string(), "the rest goes once it is read");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_reading_a_socket_stops_the_other_end() {
    let site = Site::open().await;
    let mut visitor = site.socket("down").await;
    let first = visitor.read_u8().await.expect("a byte");
    assert_eq!(first, b'x');
    site.ends.stops(&site, Some(1), "from the service").await;
    let mut rest = Vec::new();
    visitor.read_to_end(&mut rest).await.expect("the rest");
    assert_eq!(1 + rest.len(), WHOLE_BYTES);

    let site = Site::open().await;
    let (mut reader, mut writer) = site.socket("up").await.into_split();
    let ends = site.ends.clone();
    let writing = tokio::spawn(async move {
        ends.write(&mut writer).await;
        writer
    });
    site.ends.stops(&site, None, "from the visitor").await;
    site.ends.go_on.notify_one();
    let _writer = writing.await.expect("sent");
    let mut length = String::new();
    reader.read_to_string(&mut length).await.expect("the length");
    assert_eq!(length, WHOLE_BYTES.to_string());
}
