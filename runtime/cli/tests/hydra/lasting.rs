//! Requests and sockets that last longer than the settings, the certificate, and the will of the process to live.

use std::time::Duration;

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::stream;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    front::Front,
    ports::{certificate, connect},
    support::{Running, service, until},
};

/// The length of the download: more than all buffers on its way hold.
const DOWNLOAD_BYTES: usize = 64 << 20;
const SWITCHING: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

/// A service with `/events`, which end once `is_over`, and `/download`.
async fn origin(is_over: watch::Receiver<bool>) -> Running {
    let events = async move || {
        let events = stream::unfold((0, is_over), |(number, is_over)| async move {
            if number < 0 {
                return None;
            }
            if *is_over.borrow() {
                return Some((
                    Ok::<_, std::io::Error>("event: end\n\n".to_owned()),
                    (-1, is_over),
                ));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            Some((Ok(format!("data: {number}\n\n")), (number + 1, is_over)))
        });
        ([("content-type", "text/event-stream")], Body::from_stream(events))
    };
    let download = async || {
        let piece = Bytes::from_static(&[b'x'; 64 << 10]);
        let pieces = (0..DOWNLOAD_BYTES / piece.len()).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
        Body::from_stream(stream::iter(pieces))
    };
    service(
        Router::new()
            .route("/events", get(events))
            .route("/download", get(download)),
    )
    .await
}

/// A service that switches protocols, and says each byte that it hears.
async fn echo() -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                read_head(&mut stream).await;
                let _ = stream.write_all(SWITCHING).await;
                let (mut reader, mut writer) = stream.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
    Running::new(address, task)
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects to a port: the first one is plain, the second one has TLS.
async fn open(
    front: &Front,
    trusted: Option<&rustls::pki_types::CertificateDer<'static>>,
    protocol: &str,
) -> Box<dyn Stream> {
    match trusted {
        None => Box::new(TcpStream::connect(front.address(0)).await.expect("a connection")),
        Some(trusted) => Box::new(
            connect(&front.address(1), trusted, &[protocol])
                .await
                .expect("TLS"),
        ),
    }
}

/// Begins a request, and returns the body of its answer.
async fn begin(stream: Box<dyn Stream>, is_http2: bool, path: &str) -> Incoming {
    let request = Request::get(format!("https://site.test{path}"))
        .header("host", "site.test")
        .body(Empty::<Bytes>::new())
        .expect("a request");
    let answered = match is_http2 {
        true => {
            let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
            let (mut sender, connection) = handshake.await.expect("HTTP/2");
            tokio::spawn(connection);
            sender.send_request(request).await
        }
        false => {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
            tokio::spawn(connection);
            sender.send_request(request).await
        }
    };
    let answer = answered.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.into_body()
}

/// Reads all events, or the length of a download whose rest is read only once `is_over`.
async fn read(mut body: Incoming, path: &str, mut is_over: watch::Receiver<bool>) {
    if path == "/download" {
        let first = body.frame().await.expect("a piece").expect("a piece");
        is_over.wait_for(|is_over| *is_over).await.expect("a sender");
        let mut length = first.into_data().expect("data").len();
        while let Some(frame) = body.frame().await {
            length += frame.expect("a piece").into_data().expect("data").len();
        }
        assert_eq!(length, DOWNLOAD_BYTES, "the download is whole");
        return;
    }
    let text = body.collect().await.expect("a whole answer").to_bytes();
    let text = std::str::from_utf8(&text).expect("text");
    let events: Vec<&str> = text.trim_end().split("\n\n").collect();
    let (last, events) = events.split_last().expect("events");
    assert_eq!(*last, "event: end");
    for (number, event) in events.iter().enumerate() {
        assert_eq!(*event, format!("data: {number}"));
    }
}

/// A visitor's end of a socket.
struct Socket(Box<dyn Stream>);

impl Socket {
    async fn open(mut stream: Box<dyn Stream>) -> Self {
        let request =
            "GET /echo HTTP/1.1\r\nHost: site.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
        stream.write_all(request.as_bytes()).await.expect("sent");
        let head = read_head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        Self(stream)
    }

    async fn echoes(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("sent");
        self.0.flush().await.expect("sent");
        let mut heard = vec![0; text.len()];
        self.0.read_exact(&mut heard).await.expect("an echo");
        assert_eq!(heard, text.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_who_was_connected_gets_a_whole_answer() {
    let (end, is_over) = watch::channel(false);
    let (origin, echo) = (origin(is_over.clone()).await, echo().await);
    let trusted = std::sync::Mutex::new(None);
    let settings = |folder: &std::path::Path, more: &str| {
        let file = |name: &str| folder.join(name).display().to_string();
        format!(
            "listen = ['127.0.0.1:0', {{ address = '127.0.0.1:0', certificate = '{}', key = '{}' }}]\n\
             stop_timeout = '60s'\n{more}\n\
             [[service]]\nname = 'a'\nurl = '{}'\nendpoints = ['/events', '/download']\n\
             [[service]]\nname = 'b'\nurl = '{}'\nendpoints = ['/echo']\n",
            file("cert.pem"),
            file("key.pem"),
            origin.url(""),
            echo.url("")
        )
    };
    let mut front = Front::start(
        |folder| {
            *trusted.lock().expect("not poisoned") = Some(certificate(folder));
            settings(folder, "")
        },
        2,
    );
    let first = trusted.into_inner().expect("not poisoned").expect("made");
    let (mut readers, mut sockets) = (Vec::new(), Vec::new());
    for trusted in [None, Some(&first)] {
        for (protocol, is_http2) in [("http/1.1", false), ("h2", true)] {
            for path in ["/events", "/download"] {
                let body = begin(open(&front, trusted, protocol).await, is_http2, path).await;
                readers.push(tokio::spawn(read(body, path, is_over.clone())));
            }
        }
        sockets.push(Socket::open(open(&front, trusted, "http/1.1").await).await);
    }
    let mut echo_all = async |text: &str| {
        for socket in &mut sockets {
            socket.echoes(text).await;
        }
    };
    echo_all("before").await;
    front
        .reload(&settings(front.folder.path(), "response_timeout = '20s'"), 1)
        .await;
    echo_all("after other settings").await;
    let second = certificate(front.folder.path());
    until("new connections get the new certificate", async || {
        connect(&front.address(1), &second, &[]).await.is_ok()
    })
    .await;
    echo_all("after another certificate").await;
    front.signal("-TERM");
    front.logged("stopping: requests under way may end", 1).await;
    until("the ports are closed", async || {
        TcpStream::connect(front.address(0)).await.is_err()
    })
    .await;
    echo_all("while others end").await;
    end.send_replace(true);
    for reader in readers {
        reader.await.expect("a whole answer");
    }
    let status = tokio::task::spawn_blocking(move || front.ended());
    assert!(status.await.expect("no panic").success());
}
