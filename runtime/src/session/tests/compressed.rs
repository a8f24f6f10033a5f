//! What a gateway compresses of the pages of applications: nothing that holds a secret of the visitor.

use std::net::SocketAddr;

use hydra_runtime_gateway::GatewayConfig;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    app::{Count, Home, counting_fragment, gateway_with, plain_page, plan, start},
    *,
};
use crate::App;

/// A page of its own caching, with a fragment of `orders`.
async fn page() -> ([(header::HeaderName, &'static str); 1], Home) {
    ([(header::CACHE_CONTROL, "no-cache")], plain_page().await)
}

async fn fragment_for_all() -> Count {
    Count { seen: 0 }
}

/// The head and the body of the page for a visitor with these cookies who accepts `accepted`.
async fn opened(gateway: SocketAddr, cookies: &str, accepted: &str) -> (String, String) {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nhost: {gateway}\r\ncookie: {cookies}\r\naccept-encoding: {accepted}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// A gateway that compresses, with the page of `shop` and the fragment of `orders`.
async fn installed(orders: App) -> (SocketAddr, [tokio::sync::watch::Sender<bool>; 2]) {
    let gateway = gateway_with(GatewayConfig {
        compress: true,
        ..GatewayConfig::default()
    })
    .await;
    let (_, orders) = start(orders, gateway, None).await;
    let long = plan("orders").replace("page {{ seen }}", &"page ".repeat(1_000));
    let (_, shop) = start(App::with_plan("shop", long).page(page), gateway, None).await;
    let there = async {
        while !opened(gateway, "", "identity").await.1.contains("fragment") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), there)
        .await
        .expect("the page with its fragment");
    (gateway, [orders, shop])
}

fn is_readable(body: &str) -> bool {
    body.contains("page page")
}

fn is_compressed(head: &str) -> bool {
    head.contains("\r\ncontent-encoding: gzip")
}

#[tokio::test]
async fn a_page_with_a_fragment_with_a_session_is_never_compressed() {
    let orders = App::with_plan("orders", plan("")).fragment(counting_fragment);
    let (gateway, _running) = installed(orders).await;
    let (first, body) = opened(gateway, "", "gzip").await;
    assert!(is_readable(&body) && !is_compressed(&first), "{first}");
    let cookie = first
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .and_then(|cookie| cookie.split(';').next())
        .unwrap();
    let (again, body) = opened(gateway, cookie, "gzip").await;
    assert!(!again.contains("set-cookie"), "the visitor is known: {again}");
    assert!(again.contains("cache-control: no-cache"), "{again}");
    assert!(is_readable(&body) && !is_compressed(&again), "{again}");
    for head in [first, again] {
        assert!(!head.contains("hydra-personal"), "{head}");
    }
}

#[tokio::test]
async fn a_page_for_all_is_compressed_and_one_that_gives_a_login_to_its_fragments_is_not() {
    let orders = App::with_plan("orders", plan("")).fragment(fragment_for_all);
    let (gateway, _running) = installed(orders).await;
    // The page learns only after a while that the owner has no sessions.
    let compressed = async {
        while !is_compressed(&opened(gateway, "", "gzip").await.0) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), compressed)
        .await
        .expect("a compressed page");
    for (cookies, expected) in [("", true), ("a=b", true), ("HYDRA-SSO=x", false)] {
        let (head, body) = opened(gateway, cookies, "gzip").await;
        assert_eq!(is_compressed(&head), expected, "{cookies}: {head}");
        assert_eq!(is_readable(&body), !expected, "{cookies}: {head}");
        assert!(!head.contains("hydra-personal"), "{cookies}: {head}");
    }
}
