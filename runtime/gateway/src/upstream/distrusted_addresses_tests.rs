//! Bytes beyond an answer, of every shape, over both clients: the answer is right, and no connection is used again.

use std::{
    io::{Read as _, Write as _},
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    time::{Duration, Instant},
};

use axum::body::Body;
use http::{Method, Request, uri::PathAndQuery};
use http_body_util::BodyExt;

use super::{CallRequest, ConnectionPool, Dialer, Distrusted, Risk, Trust, idle::Reusable};
use crate::registry::instance::Address;

const PATIENCE: Duration = Duration::from_secs(20);
/// What a right answer says.
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// An answer, and what comes after it in the same piece or a moment later.
struct Shape {
    what: &'static str,
    method: Method,
    answer: &'static str,
    at_once: &'static str,
    later: &'static str,
    body: &'static str,
}

const fn shape(
    what: &'static str,
    answer: &'static str,
    at_once: &'static str,
    later: &'static str,
) -> Shape {
    Shape {
        what,
        method: Method::GET,
        answer,
        at_once,
        later,
        body: "ok",
    }
}

fn shapes() -> Vec<Shape> {
    const STOLEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let without_body = |what, answer, method| Shape {
        method,
        body: "",
        ..shape(what, answer, "ok", "")
    };
    vec![
        shape("a length that is too short", OK, "k then", ""),
        shape("the same, and the rest is late", OK, "", "k then"),
        shape("two answers", OK, STOLEN, ""),
        shape("a second answer a moment later", OK, "", STOLEN),
        shape("bytes after the last chunk", CHUNKED, STOLEN, ""),
        shape("bytes a moment after the last chunk", CHUNKED, "", STOLEN),
        shape("an empty line", OK, "\r\n", ""),
        shape(
            "an interim answer that is too late",
            OK,
            "",
            "HTTP/1.1 100 Continue\r\n\r\n",
        ),
        without_body(
            "a body where none can be",
            "HTTP/1.1 204 No Content\r\n\r\n",
            Method::GET,
        ),
        without_body("a body of 304", "HTTP/1.1 304 Not Modified\r\n\r\n", Method::GET),
        without_body(
            "a body for HEAD",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n",
            Method::HEAD,
        ),
    ]
}

/// A service that answers its second request in the shape, and all others right. It says when it has sent all.
fn service(shape: &Shape) -> (Address, Receiver<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (said, hears) = channel();
    let first = [shape.answer, shape.at_once].concat();
    let later = shape.later;
    std::thread::spawn(move || {
        for (nth, stream) in listener.incoming().enumerate() {
            let (mut stream, said, first) = (stream.expect("a caller"), said.clone(), first.clone());
            stream.set_nodelay(true).expect("a socket");
            std::thread::spawn(move || {
                let mut buffer = [0; 4_096];
                while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                    let answer = if nth == 1 { &first } else { OK };
                    stream.write_all(answer.as_bytes()).expect("a reader");
                    if nth == 1 && !later.is_empty() {
                        std::thread::sleep(Duration::from_millis(1));
                        stream.write_all(later.as_bytes()).expect("a reader");
                    }
                    let _ = said.send(());
                }
            });
        }
    });
    (Address::new("127.0.0.1".to_owned(), port, false), hears)
}

fn pool(distrusted: &Arc<Distrusted>) -> Arc<ConnectionPool> {
    let dialer = Dialer {
        timeout: PATIENCE,
        allow_hosts: Arc::default(),
        trust: Trust::default(),
    };
    ConnectionPool::new(dialer, distrusted)
}

async fn lean(pool: &ConnectionPool, address: &Address, method: Method) -> String {
    let call_request = CallRequest {
        method,
        target: PathAndQuery::from_static("/"),
        visitors_host: None,
        headers: Vec::new(),
        body: b"",
        wanted: &[],
        limit: 1 << 20,
        repeated: None,
        pipelines: None,
    };
    let until = tokio::time::Instant::now() + PATIENCE;
    let answer = pool
        .calls()
        .call(address, &call_request, until)
        .await
        .expect("an answer");
    String::from_utf8(answer.body).expect("a text")
}

async fn streaming(pool: &ConnectionPool, address: &Address, method: Method) -> String {
    let request = Request::builder().method(method).uri("/").header("host", "x");
    let request = request.body(Body::empty()).expect("a request");
    let until = tokio::time::Instant::now() + PATIENCE;
    let answer = pool.send(address, request, until).await.expect("an answer");
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(body.to_vec()).expect("a text")
}

/// Waits until the service is distrusted, as the next request would find out.
async fn until_it_is_distrusted<C: Reusable>(
    what: &str,
    idle: &super::IdlePool<C>,
    distrusted: &Distrusted,
    address: &Address,
) {
    let deadline = Instant::now() + PATIENCE;
    while !distrusted.holds(&address.pool_key(), Instant::now()) {
        assert!(Instant::now() < deadline, "{what}");
        idle.age(Duration::from_secs(1));
        drop(idle.take(&address.pool_key(), Risk::Delay));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn surplus_bytes_are_never_an_answer() {
    for shape in shapes() {
        // The client for whole answers makes no HEAD requests.
        for is_lean in [true, false]
            .into_iter()
            .filter(|lean| !(*lean && shape.method == Method::HEAD))
        {
            let what = format!("{}, lean: {is_lean}", shape.what);
            let (address, hears) = service(&shape);
            let distrusted = Arc::default();
            let (pool, other_thread) = (pool(&distrusted), pool(&distrusted));
            let call = async |pool: &ConnectionPool, method| match is_lean {
                true => lean(pool, &address, method).await,
                false => streaming(pool, &address, method).await,
            };
            assert_eq!(call(&other_thread, Method::GET).await, "ok", "{what}");
            assert_eq!(call(&pool, shape.method.clone()).await, shape.body, "{what}");
            for _ in 0..2 {
                hears.recv_timeout(PATIENCE).expect("all is sent");
            }
            if is_lean {
                until_it_is_distrusted(&what, &pool.calls().idle, &distrusted, &address).await;
            } else {
                until_it_is_distrusted(&what, &pool.idle, &distrusted, &address).await;
            }
            for pool in [&pool, &other_thread] {
                for _ in 0..3 {
                    assert_eq!(call(pool, Method::GET).await, "ok", "{what}");
                    pool.idle.age(Duration::from_secs(1));
                    pool.calls().idle.age(Duration::from_secs(1));
                    assert!(
                        pool.idle.take(&address.pool_key(), Risk::Delay).is_none(),
                        "{what}"
                    );
                    assert!(
                        pool.calls().idle.take(&address.pool_key(), Risk::Delay).is_none(),
                        "{what}"
                    );
                }
            }
        }
    }
}
