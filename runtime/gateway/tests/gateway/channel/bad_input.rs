//! Peers that send what no channel should have, or nothing.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use hydra_runtime_rsocket::{
    Payload, Setup,
    frame::{Body, Frame, Interaction, decode},
    metadata::{CompositeWriter, MimeType, route},
};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::{Owner, fragment, is_active, until_inactive, without_port};
use crate::{
    support::{Running, gateway, until},
    transport::{attach, setup},
};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn socket(gateway: &Running) -> Socket {
    let url = format!("ws://{}/h/channel/K", gateway.address);
    connect_async(url).await.expect("a WebSocket").0
}

fn setup_frame(data: &Value, change: impl FnOnce(&mut Setup)) -> Frame {
    let mut setup = Setup {
        data_mime_type: "application/json".to_owned(),
        payload: Payload::new(data.to_string()),
        ..Setup::default()
    };
    change(&mut setup);
    Frame {
        stream_id: 0,
        body: Body::Setup(Box::new(setup)),
    }
}

fn encoded(frame: &Frame) -> Bytes {
    let mut bytes = BytesMut::new();
    frame.encode(&mut bytes);
    bytes.freeze()
}

fn request_frame(stream_id: u32, of: &str, body: String) -> Frame {
    let route = route(&[of]).expect("a route");
    let metadata = CompositeWriter::new().push(&MimeType::of_id(0x7E), &route);
    Frame {
        stream_id,
        body: Body::Request {
            interaction: Interaction::Response,
            follows: false,
            payload: Payload::new(body).with_metadata(metadata.expect("metadata").finish()),
        },
    }
}

/// The error with which the gateway ends the connection, or what else it does.
async fn answer(socket: &mut Socket) -> String {
    loop {
        let next = tokio::time::timeout(Duration::from_secs(20), socket.next()).await;
        match next.expect("an answer in time") {
            Some(Ok(Message::Binary(frame))) => match decode(frame).expect("a frame").body {
                Body::Error { code, data } => return format!("{code}: {}", String::from_utf8_lossy(&data)),
                Body::Keepalive { .. } => {}
                other => return format!("{other:?}"),
            },
            Some(Ok(Message::Close(_)) | Err(_)) | None => return "closed".to_owned(),
            Some(Ok(_)) => {}
        }
    }
}

#[tokio::test]
async fn a_wrong_setup_is_refused_with_the_code_that_the_specification_gives() {
    let gateway = gateway().await;
    let good = setup("orders", "i-1");
    let with = |name: &str, value: Value| {
        let mut data = good.clone();
        data[name] = value;
        data
    };
    let as_it_is = |_: &mut Setup| {};
    let long = json!("x".repeat(5 << 10));
    let no_setup = Frame {
        stream_id: 0,
        body: Body::Keepalive {
            respond: true,
            position: 0,
            data: Bytes::new(),
        },
    };
    for (what, frame, expected) in [
        (
            "another key",
            setup_frame(&with("key", json!("L")), as_it_is),
            "REJECTED_SETUP",
        ),
        (
            "no key",
            setup_frame(&with("key", Value::Null), as_it_is),
            "REJECTED_SETUP",
        ),
        (
            "protocol 1",
            setup_frame(&with("protocol", json!(1)), as_it_is),
            "REJECTED_SETUP",
        ),
        (
            "protocol 3",
            setup_frame(&with("protocol", json!(3)), as_it_is),
            "REJECTED_SETUP",
        ),
        (
            "no service",
            setup_frame(&with("service", json!("")), as_it_is),
            "REJECTED_SETUP",
        ),
        (
            "a path as service",
            setup_frame(&with("service", json!("a/b")), as_it_is),
            "REJECTED_SETUP",
        ),
        (
            "no instance",
            setup_frame(&with("instance", json!("")), as_it_is),
            "REJECTED_SETUP",
        ),
        (
            "a long instance",
            setup_frame(&with("instance", json!("i".repeat(65))), as_it_is),
            "REJECTED_SETUP",
        ),
        ("a list", setup_frame(&json!([]), as_it_is), "REJECTED_SETUP"),
        (
            "long data",
            setup_frame(&with("more", long), as_it_is),
            "UNSUPPORTED_SETUP",
        ),
        (
            "CBOR",
            setup_frame(&good, |setup| setup.data_mime_type = "application/cbor".into()),
            "UNSUPPORTED_SETUP: the data must be application/json",
        ),
        (
            "other metadata",
            setup_frame(&good, |setup| setup.metadata_mime_type = "text/plain".into()),
            "UNSUPPORTED_SETUP",
        ),
        (
            "a lease",
            setup_frame(&good, |setup| setup.lease = true),
            "UNSUPPORTED_SETUP",
        ),
        (
            "resumption",
            setup_frame(&good, |setup| setup.resume_token = Some("t".into())),
            "REJECTED_SETUP",
        ),
        (
            "another version",
            setup_frame(&good, |setup| setup.version = (2, 0)),
            "INVALID_SETUP",
        ),
        ("no SETUP", no_setup, "INVALID_SETUP"),
    ] {
        let mut socket = socket(&gateway).await;
        socket.send(Message::Binary(encoded(&frame))).await.expect("sent");
        let answer = answer(&mut socket).await;
        assert!(answer.starts_with(expected), "{what}: {answer}");
    }
    for (what, message) in [
        ("text", Message::Text("hello".into())),
        ("an empty frame", Message::Binary(Bytes::new())),
        ("noise", Message::Binary(Bytes::from_static(&[0xff; 100]))),
        ("a long frame", Message::Binary(vec![0; 5 << 20].into())),
    ] {
        let mut socket = socket(&gateway).await;
        // The gateway may close before all is sent.
        let _ = socket.send(message).await;
        let answer = answer(&mut socket).await;
        assert!(
            answer.starts_with("INVALID_SETUP") || answer == "closed",
            "{what}: {answer}"
        );
    }
}

/// Opens a channel by hand, and registers over it.
async fn registered(gateway: &Running, name: &str) -> Socket {
    let mut socket = socket(gateway).await;
    let said = without_port(name);
    let instance = said["instance"].as_str().expect("an instance");
    let setup = setup_frame(&setup(name, instance), |_| {});
    let register = request_frame(1, "registration", said.to_string());
    for frame in [setup, register] {
        socket.send(Message::Binary(encoded(&frame))).await.expect("sent");
    }
    until("it is registered", async || is_active(gateway, name).await).await;
    socket
}

#[tokio::test]
async fn a_peer_that_breaks_the_protocol_loses_its_channel_and_its_service_only() {
    let gateway = gateway().await;
    let (_link, _) = attach(&gateway, &without_port("good"), Owner::new("good")).await;
    // A WebSocket frame that announces 1 GB.
    let announced = [&[0x82, 0xff][..], &(1_u64 << 30).to_be_bytes(), &[1, 2, 3, 4]].concat();
    for (what, name) in [
        ("noise", "noise"),
        ("a text", "text"),
        ("1 GB", "long"),
        ("half a frame", "half"),
    ] {
        let mut socket = registered(&gateway, name).await;
        match what {
            "noise" => drop(socket.send(Message::Binary(Bytes::from_static(&[0; 4]))).await),
            "a text" => drop(socket.send(Message::Text("hello".into())).await),
            "1 GB" => {
                let MaybeTlsStream::Plain(stream) = socket.get_mut() else {
                    panic!("no TLS");
                };
                tokio::io::AsyncWriteExt::write_all(stream, &announced)
                    .await
                    .expect("sent");
            }
            _ => drop(socket),
        }
        until_inactive(&gateway, name).await;
        assert_eq!(fragment(&gateway, "good").await["renderedHTML"], "good", "{what}");
    }
}

#[tokio::test]
async fn a_silent_peer_and_one_that_never_reads_are_inactive_after_five_seconds() {
    let gateway = gateway().await;
    let (_link, _) = attach(&gateway, &without_port("good"), Owner::new("good")).await;
    // It answers no KEEPALIVE.
    let _silent = registered(&gateway, "silent").await;
    // It sends signs of life, and reads nothing of many answers.
    let unread = registered(&gateway, "unread").await;
    let keepalive = Frame {
        stream_id: 0,
        body: Body::Keepalive {
            respond: false,
            position: 0,
            data: Bytes::new(),
        },
    };
    let (mut sender, _never_read) = unread.split();
    let writing = tokio::spawn(async move {
        let mut id = 3;
        loop {
            // A batch whose answer is long: each id comes back.
            let items: Vec<_> = (0..500)
                .map(|n| json!({"id": format!("{n}{}", "x".repeat(1_000)), "ref": "x"}))
                .collect();
            let body = json!({"protocol":2,"requests":{"none":items}}).to_string();
            let frames = [request_frame(id, "requestFragment", body), keepalive.clone()];
            for frame in frames {
                if sender.send(Message::Binary(encoded(&frame))).await.is_err() {
                    return;
                }
            }
            id += 2;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    for name in ["silent", "unread"] {
        until_inactive(&gateway, name).await;
    }
    assert_eq!(fragment(&gateway, "good").await["renderedHTML"], "good");
    writing.abort();
}
