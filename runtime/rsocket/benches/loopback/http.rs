//! The same by POST.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, client, server, service::service_fn};
use hyper_util::rt::TokioIo;

use super::{DURATION, IN_FLIGHT, PAYLOAD_BYTES, report, sockets};

type Sender = client::conn::http1::SendRequest<Full<Bytes>>;

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.expect("a body").to_bytes();
    Ok(Response::new(Full::new(body)))
}

async fn open() -> Sender {
    let (client, server) = sockets().await;
    tokio::spawn(
        server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service_fn(echo)),
    );
    let (sender, connection) = client::conn::http1::handshake(TokioIo::new(client))
        .await
        .expect("a connection");
    tokio::spawn(connection);
    sender
}

async fn ask(mut sender: Sender) -> Vec<Duration> {
    let body = Bytes::from(vec![b'x'; PAYLOAD_BYTES]);
    let (began, mut times) = (Instant::now(), Vec::new());
    while began.elapsed() < DURATION {
        let sent = Instant::now();
        let request = Request::post("/h/fragments").header("host", "localhost");
        let request = request.body(Full::new(body.clone())).expect("a request");
        let answer = sender.send_request(request).await.expect("an answer");
        let answer = answer.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(answer.len(), PAYLOAD_BYTES);
        times.push(sent.elapsed());
    }
    times
}

pub(super) async fn measure(what: &str) {
    let mut senders = Vec::new();
    for _ in 0..IN_FLIGHT {
        senders.push(open().await);
    }
    report(what, senders.into_iter().map(ask)).await;
}
