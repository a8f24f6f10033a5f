//! Both ends of a WebSocket.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, StatusCode, header::COOKIE};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async, connect_async,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

use crate::support::Running;

/// A service's end: says for which path it was opened, and then whatever it hears.
pub(crate) async fn chat(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut path = String::new();
    #[allow(clippy::result_large_err, reason = "the trait wants it so")]
    let note = |request: &http::Request<()>, response| {
        path = request.uri().to_string();
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, note).await.expect("a handshake");
    socket.send(Message::text(path)).await.expect("sent");
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() {
            socket.send(message).await.expect("sent");
        }
    }
}

/// A visitor's end: the first three messages that it hears, while it says `message 0`, `message 1` and so on.
pub(crate) async fn talk(gateway: &Running, path: &str) -> Vec<String> {
    let url = format!("ws://{}{path}", gateway.address);
    let (mut socket, _) = connect_async(url).await.expect("a handshake");
    let mut heard = Vec::new();
    for n in 0..3 {
        let message = socket.next().await.expect("a message").expect("no error");
        heard.push(message.into_text().expect("text").to_string());
        let said = Message::text(format!("message {n}"));
        socket.send(said).await.expect("sent");
    }
    heard
}

/// A service's end whose first message is `text`: the answer to the request that opens it.
pub(crate) fn saying(text: impl Into<String>, mut request: Request<Body>) -> Response {
    let text = text.into();
    let key = request.headers()["sec-websocket-key"].clone();
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let io = hyper_util::rt::TokioIo::new(upgraded.await.expect("switched"));
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        socket.send(Message::text(text)).await.expect("sent");
    });
    let headers = [
        ("connection", "upgrade".to_owned()),
        ("upgrade", "websocket".to_owned()),
        ("sec-websocket-accept", derive_accept_key(key.as_bytes())),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// The first message that a visitor with these cookies hears.
pub(crate) async fn first_message(gateway: &Running, path: &str, cookie: &str) -> String {
    let request = Request::get(format!("ws://{}{path}", gateway.address))
        .header("host", gateway.address.to_string())
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header(COOKIE, cookie)
        .body(())
        .expect("a request");
    let (mut socket, _) = connect_async(request).await.expect("a socket");
    let message = socket.next().await.expect("a message").expect("a message");
    message.into_text().expect("text").to_string()
}
