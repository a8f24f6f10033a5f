use std::{
    io::{Read as _, Write as _},
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use http::{Method, Request};
use http_body_util::BodyExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// A service that answers each request as soon as its head is there.
async fn hasty() -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4_096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Address::new("127.0.0.1".to_owned(), address.port(), false)
}

fn pool(timeout: Duration) -> Arc<ConnectionPool> {
    let dialer = Dialer {
        timeout,
        allow_hosts: Arc::default(),
        trust: Trust::default(),
    };
    ConnectionPool::new(dialer, &Arc::default())
}

fn soon(ms: u64) -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_millis(ms)
}

/// The queue of its listener is full, so that it swallows what comes. It lasts as long as what is given.
async fn swallowing() -> (Address, socket2::Socket, Vec<tokio::net::TcpStream>) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().expect("an address");
    socket.bind(&any.into()).expect("a port");
    socket.listen(0).expect("a listener");
    let address = socket.local_addr().expect("an address").as_socket().expect("IP");
    let mut queue = Vec::new();
    let time = Duration::from_millis(50);
    while let Ok(stream) = tokio::time::timeout(time, tokio::net::TcpStream::connect(address)).await {
        queue.push(stream.expect("a connection"));
    }
    let address = Address::new("127.0.0.1".to_owned(), address.port(), false);
    (address, socket, queue)
}

#[tokio::test]
async fn connecting_ends_with_the_call_and_says_so() {
    let (address, _listener, _queue) = swallowing().await;
    let pool = pool(Duration::from_secs(60));
    let request = Request::get("/").body(Body::empty()).expect("a request");
    let until = soon(30);
    let sent = tokio::time::timeout_at(until, pool.send(&address, request, until)).await;
    assert!(matches!(sent, Ok(Err(SendError::NotSent { .. }))));
}

#[tokio::test]
async fn an_upload_that_outlives_its_answer_holds_up_nobody() {
    let address = hasty().await;
    let pool = pool(Duration::from_secs(1));
    let exchange = async |body: Body| {
        let mut request = Request::post("/").body(body).expect("a request");
        request
            .headers_mut()
            .insert("host", http::HeaderValue::from_static("x"));
        let answer = pool
            .send(&address, request, soon(5_000))
            .await
            .expect("an answer");
        answer.into_body().collect().await.expect("a body").to_bytes()
    };
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"part"))]);
    let endless = Body::from_stream(first.chain(stream::pending()));
    assert_eq!(exchange(endless).await, "ok");
    let next = tokio::time::timeout(Duration::from_secs(5), exchange(Body::empty()));
    assert_eq!(next.await.expect("the answer does not wait for the upload"), "ok");
}

#[tokio::test]
async fn an_upload_that_breaks_off_says_nothing_about_the_service() {
    let address = hasty().await;
    let pool = pool(Duration::from_secs(5));
    let post = |body: Body| {
        Request::post("/")
            .header("host", "x")
            .body(body)
            .expect("a request")
    };
    for _ in 0..2 {
        let answer = pool.send(&address, post(Body::empty()), soon(5_000)).await;
        let body = answer.expect("an answer").into_body().collect().await;
        assert_eq!(body.expect("a body").to_bytes(), "ok");
    }
    // They look as if they stayed open.
    pool.idle.age(Duration::from_secs(1));
    let broken = Body::from_stream(stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]));
    let sent = pool.send(&address, post(broken), soon(5_000)).await;
    assert!(matches!(sent, Err(SendError::Visitor(_))));
    assert!(
        pool.idle.take(&address.pool_key(), Risk::Loss).is_some(),
        "the other one"
    );
}

/// A service that answers one request of a connection and then closes it without a word: at once or a moment later.
/// And how many requests it read.
pub(super) fn closing() -> (Address, Arc<AtomicUsize>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let asked = Arc::new(AtomicUsize::new(0));
    let heard = Arc::clone(&asked);
    // Threads, so that the caller may be faster than the end of the connection.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, heard) = (stream.expect("a caller"), Arc::clone(&heard));
            std::thread::spawn(move || {
                let mut buffer = [0; 4_096];
                if stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                    let nth = heard.fetch_add(1, SeqCst);
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                    stream.write_all(answer).expect("a reader");
                    std::thread::sleep(Duration::from_micros(500) * (nth % 4) as u32);
                }
            });
        }
    });
    (Address::new("127.0.0.1".to_owned(), port, false), asked)
}

#[tokio::test]
async fn a_service_that_closes_after_each_answer_without_a_word_gets_each_request_once() {
    let (address, asked) = closing();
    let pool = pool(Duration::from_secs(5));
    for n in 0..200 {
        let method = if n % 2 == 0 { Method::POST } else { Method::GET };
        let request = Request::builder().method(method).uri("/").header("host", "x");
        let request = request.body(Body::empty()).expect("a request");
        let answer = pool.send(&address, request, soon(5_000)).await;
        let answer = answer.unwrap_or_else(|error| panic!("{n}: {error}"));
        let body = answer.into_body().collect().await.expect("a body");
        assert_eq!(body.to_bytes(), "ok");
    }
    assert_eq!(asked.load(SeqCst), 200);
}

#[tokio::test]
async fn an_answer_streams_as_it_arrives() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (go, may_go) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a caller");
        let _ = stream.read(&mut [0; 4_096]).await;
        let first = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nfour";
        stream.write_all(first).await.expect("a reader");
        may_go.await.expect("a word");
        stream.write_all(b"more").await.expect("a reader");
        let _ = stream.read(&mut [0; 1]).await;
    });
    let pool = pool(Duration::from_secs(5));
    let address = Address::new("127.0.0.1".to_owned(), port, false);
    let request = Request::get("/").header("host", "x").body(Body::empty());
    let answer = pool
        .send(&address, request.expect("a request"), soon(5_000))
        .await;
    let mut body = answer.expect("an answer").into_body();
    let mut next = async || {
        let frame = body.frame().await?.expect("a body");
        Some(frame.into_data().expect("data"))
    };
    assert_eq!(next().await.as_deref(), Some(&b"four"[..]));
    go.send(()).expect("a service");
    assert_eq!(next().await.as_deref(), Some(&b"more"[..]));
    assert_eq!(pool.idle_count(), 1, "the connection is back with the last byte");
    assert_eq!(next().await, None);
}

/// A service that says how long a request's body is. And how many connections it had.
async fn measuring() -> (Address, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let accepted = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&accepted);
    let answer = async |request: Request<hyper::body::Incoming>| {
        let body = request.into_body().collect().await?.to_bytes();
        Ok::<_, hyper::Error>(Response::new(Body::from(body.len().to_string())))
    };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, SeqCst);
            let server = hyper::server::conn::http1::Builder::new();
            let service = hyper::service::service_fn(answer);
            tokio::spawn(server.serve_connection(hyper_util::rt::TokioIo::new(stream), service));
        }
    });
    (Address::new("127.0.0.1".to_owned(), port, false), accepted)
}

#[tokio::test]
async fn short_and_long_requests_share_a_connection() {
    let (address, accepted) = measuring().await;
    let pool = pool(Duration::from_secs(5));
    // The third goes over hyper, and with it those that follow.
    for length in [0, 1_000, 100_000, 0, 1_000] {
        let request = Request::post("/")
            .header("host", "x")
            .header("content-length", length);
        let request = request.body(Body::from(vec![b'x'; length])).expect("a request");
        let answer = pool
            .send(&address, request, soon(5_000))
            .await
            .expect("an answer");
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(body, length.to_string());
        pool.idle.age(Duration::from_secs(1));
    }
    assert_eq!(accepted.load(SeqCst), 1);
}
