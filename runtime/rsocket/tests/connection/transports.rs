//! TCP and WebSocket, each with and without TLS.

use std::sync::Arc;

use futures_util::StreamExt;
use hydra_runtime_rsocket::{
    CloseReason, Config, Credit, ErrorCode, Payload, Requester, SetupFailed, receive_setup,
    transport::{tcp, tls, websocket},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{pair, soon, text};

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

async fn accepted(listener: &TcpListener) -> TcpStream {
    listener.accept().await.expect("a connection").0
}

fn certificates() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a root");
    let client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    (Arc::new(client), Arc::new(server.expect("a configuration")))
}

async fn works(client: &Requester, server: &Requester) {
    for requester in [client, server] {
        let long = Payload::new(vec![b'z'; 500_000]);
        assert_eq!(requester.request_response(long.clone()).await, Ok(long));
        let items = requester
            .request_stream(Payload::from("count:200"), Credit::Window(16))
            .await
            .expect("sent");
        let items: Vec<_> = items.map(|item| text(&item.expect("an item"))).collect().await;
        assert_eq!(items.len(), 200);
    }
}

#[tokio::test]
async fn tcp_carries_frames() {
    let (listener, port) = listener().await;
    let (client, server) = tokio::join!(tcp::connect(("127.0.0.1", port)), accepted(&listener));
    let (client, server, ..) = pair(client.expect("TCP"), tcp::Tcp::new(server), &Config::default()).await;
    soon("requests", works(&client, &server)).await;
}

#[tokio::test]
async fn tcp_with_tls_carries_frames() {
    let (listener, port) = listener().await;
    let (for_client, for_server) = certificates();
    let accepted = async { tls::accept(accepted(&listener).await, for_server).await };
    let (client, server) = tokio::join!(tls::connect("localhost", port, for_client), accepted);
    let server = tcp::Tcp::new(server.expect("TLS"));
    let (client, server, ..) = pair(client.expect("TLS"), server, &Config::default()).await;
    soon("requests", works(&client, &server)).await;
}

#[tokio::test]
async fn websocket_carries_frames() {
    let (listener, port) = listener().await;
    let url = format!("ws://127.0.0.1:{port}/channel?x=1");
    let accepted = async { websocket::accept(accepted(&listener).await).await };
    let (client, server) = tokio::join!(websocket::connect(&url), accepted);
    let (client, server, ..) = pair(
        client.expect("WebSocket"),
        server.expect("WebSocket"),
        &Config::default(),
    )
    .await;
    soon("requests", works(&client, &server)).await;
    client.close();
    let reason = soon("the end", server.closed()).await;
    assert!(
        matches!(reason, CloseReason::PeerClosed | CloseReason::Lost),
        "{reason:?}"
    );
}

#[tokio::test]
async fn websocket_with_tls_carries_frames() {
    let (listener, port) = listener().await;
    let (for_client, for_server) = certificates();
    let url = format!("wss://localhost:{port}");
    let accepted = async {
        websocket::accept(
            tls::accept(accepted(&listener).await, for_server)
                .await
                .expect("TLS"),
        )
        .await
    };
    let (client, server) = tokio::join!(websocket::connect_tls(&url, for_client), accepted);
    let (client, server, ..) = pair(
        client.expect("WebSocket"),
        server.expect("WebSocket"),
        &Config::default(),
    )
    .await;
    soon("requests", works(&client, &server)).await;
}

#[tokio::test]
async fn a_url_that_is_not_one_of_websocket_is_an_error() {
    for url in [
        "http://localhost:1",
        "ws:/localhost",
        "ws://",
        "ws://:80",
        "ws://localhost:port",
        "wss://localhost:1",
        "",
    ] {
        let error = websocket::connect(url).await.expect_err(url);
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{url}: {error}");
    }
}

/// What a WebSocket can say beyond TCP: a message that announces 1 GB, and text. Masked with zeros, as a client's frames are.
#[tokio::test]
async fn messages_that_are_not_frames_are_answered_and_closed() {
    let one_gigabyte = [0x82, 0xFF, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0].to_vec();
    let text = [0x81, 0x83, 0, 0, 0, 0, b'a', b'b', b'c'].to_vec();
    for (what, message) in [("1 GB", one_gigabyte), ("text", text)] {
        let (listener, port) = listener().await;
        let server = tokio::spawn(async move {
            let socket = websocket::accept(accepted(&listener).await)
                .await
                .expect("a handshake");
            receive_setup(socket).await.err()
        });
        let mut peer = TcpStream::connect(("127.0.0.1", port)).await.expect("TCP");
        let handshake = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        peer.write_all(handshake.as_bytes()).await.expect("written");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(peer.read_u8().await.expect("a head"));
        }
        peer.write_all(&message).await.expect("written");
        let failed = soon(what, server).await.expect("no panic");
        let Some(SetupFailed::Refused(failure)) = failed else {
            panic!("{what}: {failed:?}");
        };
        assert_eq!(failure.code, ErrorCode::INVALID_SETUP, "{what}");
        let mut answer = Vec::new();
        let _ = soon("the end", peer.read_to_end(&mut answer)).await;
        let is_told = answer
            .windows(failure.message.len())
            .any(|part| part == failure.message.as_bytes());
        assert!(is_told, "{what}: {}", String::from_utf8_lossy(&answer));
    }
}

/// A server that does the handshake itself, as one does that answers HTTP on the same port.
#[tokio::test]
async fn a_websocket_that_a_server_has_upgraded_carries_frames() {
    let (listener, port) = listener().await;
    let url = format!("ws://127.0.0.1:{port}/");
    let server = async {
        let mut stream = accepted(&listener).await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("a head"));
        }
        let head = String::from_utf8(head).expect("text");
        let key = head
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
            .expect("a key");
        let accept = derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.expect("written");
        websocket::WebSocket::upgraded(stream, 1 << 20).await
    };
    let (client, server) = tokio::join!(websocket::connect(&url), server);
    let (client, server, ..) = pair(client.expect("a handshake"), server, &Config::default()).await;
    soon("requests", works(&client, &server)).await;
}

#[tokio::test]
async fn a_handshake_that_is_refused_is_an_error() {
    let (listener, port) = listener().await;
    let url = format!("ws://127.0.0.1:{port}/");
    let server = async {
        let mut stream = accepted(&listener).await;
        stream
            .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            .await
            .expect("written");
        stream
    };
    let (client, _server) = tokio::join!(websocket::connect(&url), server);
    let error = client.expect_err("404").to_string();
    assert!(error.contains("404"), "{error}");
}
