//! Channels over TCP, with and without TLS. The services here know RSocket, and nothing of Hydra's own client.

use std::time::SystemTime;

use bytes::Bytes;
use http::Method;
use hydra_runtime_rsocket::{
    self as rsocket, Config, Failure, Payload, RequestError, Requester, Responder, Setup,
    metadata::{self, CompositeWriter, MimeType},
    transport::{Transport, tcp::Tcp},
};
use hydra_runtime_wire::signing::{Call, GATEWAY, Signer};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    front::Front,
    ports::{certificate, connect},
    support::{get, until},
};

const KEY: &str = "the private key of the tests";

/// Gives each fragment its own name.
struct Owner;

impl Responder for Owner {
    async fn request_response(&self, request: Payload) -> Result<Payload, Failure> {
        let call: Value = serde_json::from_slice(&request.data).expect("JSON");
        let items = call["requests"]["orders"].as_array().expect("items").iter();
        let given: Vec<_> = items
            .map(|item| json!({"id": item["id"], "renderedHTML": item["ref"], "outcome": "rendered"}))
            .collect();
        Ok(Payload::new(json!({ "fragments": given }).to_string()))
    }
}

fn composite(entry: u8, content: &Bytes) -> Bytes {
    let written = CompositeWriter::new().push(&MimeType::of_id(entry), content);
    written.expect("short").finish()
}

/// A SETUP of `orders`, with a signature under this key.
fn setup(key: &str) -> Setup {
    let data = json!({"key":"hydra","protocol":2,"service":"orders","instance":"1"}).to_string();
    let call = Call {
        to: GATEWAY,
        method: &Method::GET,
        path: "/h/channel/hydra",
        body: data.as_bytes(),
    };
    let signatures = Signer::new(key, "hydra").sign("orders", call, SystemTime::now());
    let signatures = signatures.expect("signed");
    let bearer = metadata::bearer(signatures.tokens().next().expect("a token"));
    Setup {
        data_mime_type: "application/json".to_owned(),
        payload: Payload::new(data).with_metadata(composite(0x7C, &bearer)),
        ..Setup::default()
    }
}

async fn register(requester: &Requester) -> Result<Value, RequestError> {
    let said = json!({"webProtocol":"http","port":0,"name":"orders","protocol":2,"instance":"1"});
    let route = metadata::route(&["registration"]).expect("short");
    let request = Payload::new(said.to_string()).with_metadata(composite(0x7E, &route));
    let answer = requester.request_response(request).await?;
    Ok(serde_json::from_slice(&answer.data).expect("JSON"))
}

/// A gateway with a port for HTTP, one for channels over TCP, and one with TLS.
fn gateway(more: &str) -> (Front, CertificateDer<'static>) {
    let trusted = std::sync::Mutex::new(None);
    let front = Front::start(
        |folder| {
            *trusted.lock().expect("not poisoned") = Some(certificate(folder));
            let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
            format!(
                "listen = '127.0.0.1:0'\nprivate_key = '{KEY}'\nchannel_listen = ['127.0.0.1:0', {{ address = '127.0.0.1:0', \
                 certificate = '{}', key = '{}' }}]\n{more}\n",
                cert.display(),
                key.display()
            )
        },
        3,
    );
    let trusted = trusted.into_inner().expect("not poisoned").expect("made");
    (front, trusted)
}

fn open(transport: impl Transport, key: &str) -> Requester {
    rsocket::connect(transport, setup(key), Owner, Config::default()).expect("a SETUP that fits")
}

async fn plain(front: &Front) -> Tcp<TcpStream> {
    let stream = TcpStream::connect(front.address(1)).await.expect("a connection");
    Tcp::new(stream)
}

async fn is_active(front: &Front) -> bool {
    let services = get(&format!("{}/_h/services", front.urls[0])).await.json();
    services.get("orders").is_some()
}

#[tokio::test]
async fn services_register_over_tcp_with_and_without_tls() {
    let (front, trusted) = gateway("");
    let schemes = front
        .urls
        .iter()
        .map(|url| url.split("://").next().expect("a URL"));
    assert_eq!(schemes.collect::<Vec<_>>(), ["http", "tcp", "tls"]);
    for is_encrypted in [false, true] {
        let requester = if is_encrypted {
            let stream = connect(&front.address(2), &trusted, &[]).await.expect("TLS");
            open(Tcp::new(stream), KEY)
        } else {
            open(plain(&front).await, KEY)
        };
        let answer = register(&requester).await.expect("registered");
        assert_eq!((&answer["protocol"], &answer["leftOut"]), (&json!(2), &json!([])));
        assert!(answer["proof"].is_string() && answer["visitorKeys"].is_array());
        until("it is active", async || is_active(&front).await).await;
        requester.abort("killed");
        until("it is not", async || !is_active(&front).await).await;
    }
}

#[tokio::test]
async fn what_opens_no_channel_over_tcp() {
    let (front, _) = gateway("");
    let refused = register(&open(plain(&front).await, "another private key!")).await;
    let refused = refused.expect_err("another key").to_string();
    assert!(
        refused.contains("REJECTED_SETUP") && refused.contains("is wrong"),
        "{refused}"
    );
    for (what, bytes) in [
        ("HTTP", &b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..]),
        ("a length that lies", &[0, 0, 5, 0, 0, 0, 0, 0x04]),
        ("16 MB announced", &[0xff; 64]),
        (
            "no SETUP",
            &[0, 0, 14, 0, 0, 0, 0, 0x0c, 0x80, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
        ("half a frame", &[0, 1]),
        ("nothing", &[]),
    ] {
        let mut stream = TcpStream::connect(front.address(1)).await.expect("a connection");
        stream.write_all(bytes).await.expect("sent");
        stream.shutdown().await.expect("sent");
        let mut answer = Vec::new();
        // The gateway closes, after an error of stream 0 or without one.
        let _ = stream.read_to_end(&mut answer).await;
        let is_error = answer.len() > 12 && answer[3..8] == [0, 0, 0, 0, 0x2c];
        assert!(answer.is_empty() || is_error, "{what}: {answer:?}");
    }
    // Others are not harmed.
    assert!(register(&open(plain(&front).await, KEY)).await.is_ok());
}

#[tokio::test]
async fn a_gateway_that_stops_ends_its_channels_over_tcp() {
    let (mut front, _) = gateway("stop_timeout = '5s'");
    let requester = open(plain(&front).await, KEY);
    register(&requester).await.expect("registered");
    front.signal("-TERM");
    requester.closed().await;
    assert!(front.ended().success());
}
