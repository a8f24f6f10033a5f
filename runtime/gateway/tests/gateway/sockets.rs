//! Both ends of a WebSocket.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{accept_hdr_async, connect_async, tungstenite::Message};

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
