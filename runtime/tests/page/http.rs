//! Over a real socket.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context as Task, Poll},
};

use axum::{Router, extract::State, routing::get};
use http::Method;
use hydra_contract::Mode;
use hydra_runtime::page::Engine;
use serde_json::json;
use tera::Context;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpListener, TcpStream},
};

use crate::{
    browser::{after_page, unnamed},
    plans::{SiteExt, plan, slot},
    support::{Source, engine, engine_with, request, source},
};

async fn serve() -> (
    std::net::SocketAddr,
    tokio::sync::mpsc::UnboundedReceiver<crate::support::Batch>,
) {
    serve_engine(engine(
        &[("page.html", "<a>{{ 0 | __hydra }}</a>")],
        [slot("s/f")],
    ))
    .await
}

async fn serve_engine(
    engine: Engine,
) -> (
    std::net::SocketAddr,
    tokio::sync::mpsc::UnboundedReceiver<crate::support::Batch>,
) {
    let (source, batches) = source();
    let handler = |method: Method, State((engine, source)): State<(Engine, Source)>| async move {
        let mut request = request(Context::new(), Some(source));
        request.method = method;
        engine.page(request).await
    };
    let whole = |State((engine, _)): State<(Engine, Source)>| async move {
        engine.page(request(Context::new(), None)).await
    };
    let router = Router::new()
        .route("/", get(handler))
        .route("/whole", get(whole))
        .with_state((engine, source));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, batches)
}

async fn connect(address: std::net::SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 1024];
    while !text.contains(end) {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    text
}

#[tokio::test]
async fn the_beginning_is_on_the_wire_while_a_slot_is_open() {
    let (address, mut batches) = serve().await;
    let mut stream = connect(address, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let start = read_until(&mut stream, "<a>").await;
    assert!(
        start.starts_with("HTTP/1.1 200") && start.contains("transfer-encoding: chunked"),
        "{start}"
    );
    batches.recv().await.unwrap().give("f", "F", json!({}));
    read_until(&mut stream, "F</a>").await;
}

#[tokio::test]
async fn a_page_that_is_complete_has_its_length() {
    let (address, _batches) = serve().await;
    let mut stream = connect(
        address,
        "GET /whole HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    )
    .await;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(
        text.contains("content-length: 7\r\n") && text.ends_with("\r\n\r\n<a></a>"),
        "{text}"
    );
}

#[tokio::test]
async fn an_http_1_0_client_gets_the_page_unchunked_and_the_end_by_closing() {
    let (address, mut batches) = serve().await;
    let mut stream = connect(address, "GET / HTTP/1.0\r\n\r\n").await;
    let mut text = read_until(&mut stream, "<a>").await;
    batches.recv().await.unwrap().give("f", "F", json!({}));
    stream.read_to_string(&mut text).await.unwrap();
    assert!(
        text.ends_with("\r\n\r\n<a>F</a>") && !text.contains("chunked"),
        "{text}"
    );
}

#[tokio::test]
async fn a_deferred_fragment_follows_on_the_wire_to_old_clients_too() {
    let templates = [("page.html", "<a>{{ 0 | __hydra }}</a></body>")];
    let plan = plan(&templates, [slot("s/f").mode(Mode::Deferred)]);
    let (address, mut batches) = serve_engine(engine_with(plan, after_page)).await;
    for (request, is_chunked) in [
        ("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", true),
        ("GET / HTTP/1.0\r\n\r\n", false),
    ] {
        let mut stream = connect(address, request).await;
        let mut text = read_until(&mut stream, "</a>").await;
        assert_eq!(text.contains("chunked"), is_chunked, "{text}");
        batches.recv().await.unwrap().give("f", "F", json!({}));
        stream.read_to_string(&mut text).await.unwrap();
        let end = "<template for=\"hydra-0\">F</template>\n</body>";
        assert!(unnamed(&text).contains(end), "{text}");
    }
}

#[tokio::test]
async fn head_gets_the_head_and_no_length_that_is_wrong() {
    let (address, _batches) = serve().await;
    let mut stream = connect(address, "HEAD / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(
        text.starts_with("HTTP/1.1 200") && text.ends_with("\r\n\r\n"),
        "{text}"
    );
    assert!(!text.contains("content-length"), "{text}");
}

#[tokio::test]
async fn a_connection_that_breaks_ends_the_work_for_its_page() {
    let (address, mut batches) = serve().await;
    let mut stream = connect(address, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    read_until(&mut stream, "<a>").await;
    let batch = batches.recv().await.unwrap();
    drop(stream);
    batch.dropped().await;
}

#[tokio::test]
async fn a_client_that_accepts_encodings_gets_the_beginning_as_early_and_the_page_as_it_is() {
    let (address, mut batches) = serve().await;
    let request = "GET / HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip, br, zstd\r\n\r\n";
    let mut stream = connect(address, request).await;
    let start = read_until(&mut stream, "<a>").await;
    assert!(!start.contains("content-encoding"), "{start}");
    batches.recv().await.unwrap().give("f", "F", json!({}));
    read_until(&mut stream, "F</a>").await;
}

/// A connection that has sent one request, and the sizes of what is written to it.
struct Wire {
    request: &'static [u8],
    writes: Arc<Mutex<Vec<usize>>>,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.request.is_empty() {
            return Poll::Pending;
        }
        buffer.put_slice(std::mem::take(&mut self.request));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, _: &mut Task<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.lock().unwrap().push(bytes.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Task<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = bytes.iter().map(|slice| slice.len()).sum();
        self.writes.lock().unwrap().push(length);
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_complete_page_is_one_write_on_the_wire() {
    let text = "x".repeat(4_000);
    let page: String = (0..5).map(|n| format!("{text}{{{{ {n} | __hydra }}}}")).collect();
    let slots = ["s/a", "s/b", "s/c", "s/d", "s/e"].map(slot);
    let engine = engine_with(
        plan(&[("page.html", &format!("{page}{text}"))], slots),
        |options| {
            options.flush_after = std::time::Duration::from_secs(60);
        },
    );
    let (source, mut batches) = source();
    let answers = async {
        let batch = batches.recv().await.unwrap();
        for name in ["a", "b", "c", "d", "e"] {
            batch.give(name, &"y".repeat(1_000), json!({}));
        }
    };
    let service = hyper::service::service_fn(move |_| {
        let (engine, source) = (engine.clone(), source.clone());
        async move { Ok::<_, std::convert::Infallible>(engine.page(request(Context::new(), Some(source))).await) }
    });
    let writes = Arc::new(Mutex::new(Vec::new()));
    let wire = Wire {
        request: b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        writes: writes.clone(),
    };
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(hyper_util::rt::TokioIo::new(wire), service);
    let (served, ()) = tokio::join!(connection, answers);
    served.unwrap();
    let writes = writes.lock().unwrap();
    assert!(writes.len() == 1 && writes[0] > 29_000, "{writes:?}");
}
