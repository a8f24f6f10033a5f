use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use http::Request;
use http_body_util::BodyExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// A service that answers each request as soon as its head is there.
async fn hasty() -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4_096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Address::new("127.0.0.1".to_owned(), address.port(), false)
}

#[tokio::test]
async fn an_upload_that_outlives_its_answer_holds_up_nobody() {
    let address = hasty().await;
    let pool = Pool::new(Duration::from_secs(1), Arc::default());
    let exchange = async |body: Body| {
        let mut request = Request::post("/").body(body).expect("a request");
        request
            .headers_mut()
            .insert("host", http::HeaderValue::from_static("x"));
        let answer = pool.send(&address, request).await.expect("an answer");
        answer.into_body().collect().await.expect("a body").to_bytes()
    };
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"part"))]);
    let endless = Body::from_stream(first.chain(stream::pending()));
    assert_eq!(exchange(endless).await, "ok");
    let next = tokio::time::timeout(Duration::from_secs(5), exchange(Body::empty()));
    assert_eq!(next.await.expect("nobody waits for the upload"), "ok");
}
