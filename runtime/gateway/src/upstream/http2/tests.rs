//! The client against servers over real sockets.

mod faults;
mod flow;
mod server;
mod shared;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt as _, future::join_all, stream};
use h2::{Reason, RecvStream, server::SendResponse};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::Notify;

use super::*;
use crate::upstream::Trust;
use server::{
    DATA, END_HEADERS, END_STREAM, HEADERS, PING, REFUSED_STREAM, RESET, SETTINGS, STATUS_200, Wire, server,
};

fn client() -> Http2Client {
    Http2Client::new(Dialer {
        timeout: Duration::from_secs(20),
        allow_hosts: Arc::default(),
        trust: Trust::default(),
    })
}

fn request(method: Method, body: Body) -> Request<Body> {
    let request = Request::builder()
        .method(method)
        .uri("/x")
        .header("host", "site.test");
    request.body(body).expect("a request")
}

fn get() -> Request<Body> {
    request(Method::GET, Body::empty())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

async fn send(
    client: &Http2Client,
    address: &Address,
    request: Request<Body>,
) -> Result<Response<Http2Body>, Http2Error> {
    client.send(address, request, soon(), &mut |_| {}).await
}

async fn text(answer: Response<Http2Body>) -> String {
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(body.to_vec()).expect("UTF-8")
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came true that {what}");
}

/// A server that handles requests with the library.
async fn handling<F: Future<Output = Result<(), h2::Error>> + Send + 'static>(
    settings: impl Fn(&mut h2::server::Builder) + Send + Sync + 'static,
    handle: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Clone + Send + Sync + 'static,
) -> (Address, Arc<AtomicUsize>) {
    let settings = Arc::new(settings);
    server(move |wire: Wire| {
        let mut builder = h2::server::Builder::new();
        settings(&mut builder);
        let handle = handle.clone();
        async move {
            let mut connection = builder.handshake(wire.into_stream()).await.expect("HTTP/2");
            while let Some(Ok((request, answer))) = connection.accept().await {
                tokio::spawn(handle(request, answer));
            }
        }
    })
    .await
}

fn ok() -> Response<()> {
    Response::new(())
}

#[tokio::test]
async fn many_requests_at_once_share_a_connection() {
    let all_are_here = Arc::new(tokio::sync::Barrier::new(50));
    let (address, accepted) = handling(
        |_| {},
        move |request, mut answer| {
            let all_are_here = Arc::clone(&all_are_here);
            async move {
                all_are_here.wait().await;
                assert_eq!(request.uri().to_string(), "http://site.test/x");
                answer.send_response(ok(), false)?.send_data("ok".into(), true)
            }
        },
    )
    .await;
    let client = client();
    for _ in 0..3 {
        let answers = join_all((0..50).map(|_| send(&client, &address, get()))).await;
        for answer in answers {
            assert_eq!(text(answer.expect("an answer")).await, "ok");
        }
    }
    assert_eq!(accepted.load(SeqCst), 1);
    assert_eq!(client.idle_count(), 1);
}

#[tokio::test]
async fn requests_beyond_the_streams_of_a_connection_get_another_one() {
    let all_are_here = Arc::new(tokio::sync::Barrier::new(9));
    let (address, accepted) = handling(
        |settings| _ = settings.max_concurrent_streams(4),
        move |_, mut answer| {
            let all_are_here = Arc::clone(&all_are_here);
            async move {
                all_are_here.wait().await;
                answer.send_response(ok(), true).map(drop)
            }
        },
    )
    .await;
    let client = client();
    for _ in 0..3 {
        let answers = join_all((0..9).map(|_| send(&client, &address, get()))).await;
        assert!(answers.iter().all(Result::is_ok));
    }
    assert_eq!(accepted.load(SeqCst), 3);
}

#[tokio::test]
async fn trailers_and_bodies_pass_both_ways() {
    let (address, _) = handling(
        |_| {},
        async |request, mut answer| {
            assert_eq!(request.headers().get("content-length"), None);
            let (mut body, mut bytes) = (request.into_body(), Vec::new());
            while let Some(piece) = body.data().await {
                let piece = piece?;
                body.flow_control().release_capacity(piece.len())?;
                bytes.extend_from_slice(&piece);
            }
            let trailers = body.trailers().await?.expect("trailers");
            let mut sending = answer.send_response(ok(), false)?;
            sending.send_data(bytes.into(), false)?;
            sending.send_trailers(trailers)
        },
    )
    .await;
    let trailers = HeaderMap::from_iter([(
        http::HeaderName::from_static("x-sum"),
        HeaderValue::from_static("7"),
    )]);
    let long = Bytes::from(vec![b'x'; 300_000]);
    let frames = [Frame::data(long.clone()), Frame::trailers(trailers.clone())];
    let body = StreamBody::new(stream::iter(frames.map(Ok::<_, std::io::Error>)));
    let client = client();
    let answer = send(&client, &address, request(Method::POST, Body::new(body))).await;
    let whole = answer
        .expect("an answer")
        .into_body()
        .collect()
        .await
        .expect("a body");
    assert_eq!(whole.trailers(), Some(&trailers));
    assert_eq!(whole.to_bytes(), long);
}

#[tokio::test]
async fn interim_answers_are_heard_and_bounded() {
    for (count, is_fine) in [(2, true), (1_000, false)] {
        let (address, _) = handling(
            |_| {},
            move |_, mut answer| async move {
                for _ in 0..count {
                    let hint = Response::builder().status(103).header("link", "</a>").body(());
                    answer.send_informational(hint.expect("a hint"))?;
                }
                answer.send_response(ok(), true).map(drop)
            },
        )
        .await;
        let (client, heard) = (client(), Mutex::new(Vec::new()));
        let mut interim = |came: &Response<()>| {
            let link = came.headers()["link"].clone();
            heard.lock().expect("not poisoned").push((came.status(), link));
        };
        let answer = client.send(&address, get(), soon(), &mut interim).await;
        assert_eq!(answer.is_ok(), is_fine, "{answer:?}");
        let heard = heard.into_inner().expect("not poisoned");
        assert!(heard.len() >= 2 && heard.len() < 100, "{}", heard.len());
        assert_eq!(
            heard[0],
            (StatusCode::EARLY_HINTS, HeaderValue::from_static("</a>"))
        );
    }
}

#[tokio::test]
async fn a_connection_without_requests_ends_after_a_while() {
    let gone = Arc::new(Notify::new());
    let goes = Arc::clone(&gone);
    let (address, _) = server(move |mut wire| {
        let goes = Arc::clone(&goes);
        async move {
            wire.begin().await;
            while let Some(stream) = wire.request().await {
                wire.answer(stream).await;
            }
            goes.notify_one();
        }
    })
    .await;
    let client = client();
    assert!(send(&client, &address, get()).await.is_ok());
    until("the stream is over", || client.idle_count() == 1).await;
    tokio::time::pause();
    gone.notified().await;
    assert_eq!(client.idle_count(), 0);
}
