//! Sockets and streams of a login close when it ends.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{net::TcpListener, time::timeout};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use super::*;
use crate::sockets::chat;

/// How long a test waits for an end that must come.
const PATIENCE: Duration = Duration::from_secs(30);

async fn gateway_with_chat(site: &Site) -> (Running, [Running; 2]) {
    let gateway = gateway_with(site.config()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let sockets = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(chat(stream));
        }
    });
    let sockets = Running::new(address, sockets);
    let stream = async || {
        let first = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"first"))]);
        Body::from_stream(first.chain(futures_util::stream::pending()))
    };
    let streams = service(Router::new().fallback(any(stream))).await;
    (gateway, [sockets, streams])
}

/// Opens a socket and a stream with this cookie, ends the login in some way, and waits until both have ended. Those of another
/// user go on.
async fn check(
    (gateway, [sockets, streams]): &(Running, [Running; 2]),
    site: &Site,
    end: impl AsyncFnOnce(&Running, &Site, &str),
) {
    // Each time, since services that send no heartbeats are soon taken for silent.
    register(gateway, &said("chat", sockets, json!({"endpoints": ["/chat"]}))).await;
    register(gateway, &said("news", streams, json!({"endpoints": ["/news"]}))).await;
    let (ann, bob) = (log_in(gateway, "ann").await, log_in(gateway, "bob").await);
    let socket = async |cookie: &str| {
        let url = format!("ws://{}/chat", gateway.address);
        let mut request = url.into_client_request().expect("a request");
        request
            .headers_mut()
            .insert("cookie", cookie.parse().expect("a value"));
        let (mut socket, _) = connect_async(request).await.expect("a handshake");
        socket.next().await.expect("a message").expect("no error");
        socket
    };
    let stream = async |cookie: &str| {
        let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
        let request = Request::get(gateway.url("/news")).header("cookie", cookie);
        let request = request.body(Body::empty()).expect("a request");
        let mut body = client.request(request).await.expect("an answer").into_body();
        let first = body.frame().await.expect("a frame").expect("no error");
        assert_eq!(first.into_data().expect("data"), "first");
        body
    };
    let (mut socket_of_ann, mut stream_of_ann) = (socket(&ann).await, stream(&ann).await);
    let (mut socket_of_bob, mut stream_of_bob) = (socket(&bob).await, stream(&bob).await);
    end(gateway, site, &ann).await;
    let ended = timeout(PATIENCE, async {
        while let Some(Ok(_)) = socket_of_ann.next().await {}
        stream_of_ann.frame().await
    });
    let ended = ended.await.expect("both end");
    assert!(
        matches!(ended, Some(Err(_))),
        "nothing takes the stream for whole"
    );
    socket_of_bob
        .send(Message::text("still here"))
        .await
        .expect("sent");
    let heard = socket_of_bob.next().await.expect("a message").expect("no error");
    assert_eq!(heard.into_text().expect("text").as_str(), "still here");
    let more = timeout(Duration::from_millis(50), stream_of_bob.frame()).await;
    assert!(more.is_err(), "it waits for more");
}

#[tokio::test]
async fn a_logout_closes_the_sockets_and_streams_of_the_login() {
    let site = Site::new();
    let world = gateway_with_chat(&site).await;
    check(&world, &site, async |gateway, _, cookie| {
        form(gateway, "/logout", "", &[("cookie", cookie)]).await;
    })
    .await;
    check(&world, &site, async |gateway, _, cookie| {
        form(gateway, "/logout", "devices=all", &[("cookie", cookie)]).await;
    })
    .await;
}

#[tokio::test]
async fn so_does_a_change_of_the_user() {
    let site = Site::new();
    let world = gateway_with_chat(&site).await;
    check(&world, &site, async |_, site, _| {
        let changed = site.users.change(|users| {
            users.get_mut("ann").expect("there").roles = vec!["OTHER".into()];
            Ok(())
        });
        changed.expect("written");
    })
    .await;
    check(&world, &site, async |_, site, _| {
        site.users
            .change(|users| Ok(users.remove("ann")))
            .expect("written");
    })
    .await;
}
