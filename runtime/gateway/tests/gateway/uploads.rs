//! Visitors who send a body slowly.

use std::{collections::BTreeMap, time::Duration};

use axum::{Router, body::Bytes, routing::post as on_post};
use hydra_runtime_gateway::GatewayConfig;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::support::{Running, gateway_with, register, said, service};

/// How often a visitor sends a byte, if at all.
const PAUSE: Duration = Duration::from_millis(200);

/// Begins to send a body, and goes on a byte at a time until an answer comes. Gives its first line.
async fn upload(gateway: &Running, path: &str, first: &[u8], goes_on: bool) -> String {
    let mut stream = TcpStream::connect(gateway.address).await.expect("connected");
    let head = format!("POST {path} HTTP/1.1\r\nhost: a.test\r\ncontent-length: 10000000\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(first).await.expect("sent");
    let mut answer = Vec::new();
    loop {
        match timeout(PAUSE, stream.read_buf(&mut answer)).await {
            Ok(read) => {
                read.expect("an answer, not a reset");
                break;
            }
            Err(_) if goes_on => stream.write_all(b"x").await.expect("sent"),
            Err(_) => {}
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    answer.lines().next().unwrap_or_default().to_owned()
}

/// The test takes as long as the gateway looks at a rate: 30 s.
#[tokio::test]
async fn an_upload_that_is_too_slow_for_30_s_is_answered_with_408() {
    let gateway = gateway_with(GatewayConfig {
        public_key: "K".into(),
        upload_rates: BTreeMap::from([("patient".to_owned(), 0)]),
        ..GatewayConfig::default()
    })
    .await;
    let service = service(Router::new().fallback(on_post(async |body: Bytes| body.len().to_string()))).await;
    register(
        &gateway,
        &said("strict", &service, json!({"endpoints": ["/strict"]})),
    )
    .await;
    register(
        &gateway,
        &said("patient", &service, json!({"endpoints": ["/patient"]})),
    )
    .await;
    let much = vec![b'x'; 20_000];
    let uploads = [
        ("silent from the start", &[][..], false),
        ("silent after a byte", b"x", false),
        ("a byte at a time", b"x", true),
        ("less than 1,024 bytes a second on the whole", &much[..], true),
    ];
    let all = uploads.map(|(_, first, goes_on)| upload(&gateway, "/strict", first, goes_on));
    let mut patient = Box::pin(upload(&gateway, "/patient", b"x", true));
    tokio::select! {
        answers = futures_util::future::join_all(all) => {
            for ((what, ..), answer) in uploads.iter().zip(answers) {
                assert_eq!(answer, "HTTP/1.1 408 Request Timeout", "{what}");
            }
        }
        answer = &mut patient => panic!("this service takes its time, and the visitor got {answer}"),
    }
}
