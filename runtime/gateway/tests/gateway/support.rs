//! A gateway, services and clients on free ports.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use hydra_runtime_gateway::{Gateway, GatewayConfig};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tracing::subscriber::DefaultGuard;

/// Something that listens until it is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn new(address: SocketAddr, task: JoinHandle<()>) -> Self {
        Self { address, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Stops it at once, connections included.
    pub(crate) async fn stop(self) {
        self.task.abort();
        until("the port is closed", async || {
            tokio::net::TcpStream::connect(self.address).await.is_err()
        })
        .await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

pub(crate) async fn gateway() -> Running {
    gateway_with(GatewayConfig {
        public_key: "K".into(),
        ..GatewayConfig::default()
    })
    .await
}

pub(crate) async fn gateway_with(config: GatewayConfig) -> Running {
    start(config).await.1
}

/// A gateway with these settings, and its port.
pub(crate) async fn start(config: GatewayConfig) -> (Gateway, Running) {
    let gateway = Gateway::new(config).expect("a good configuration");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let serving = gateway.clone();
    let task = tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
    (gateway, Running::new(address, task))
}

/// Says that these services are alive as long as the gateway listens: on a busy machine, a test takes longer than services may be
/// silent.
pub(crate) fn send_heartbeats(gateway: SocketAddr, names: &'static [&'static str]) {
    tokio::spawn(async move {
        while tokio::net::TcpStream::connect(gateway).await.is_ok() {
            for name in names {
                // A gateway that ends meanwhile may not answer.
                let _ = send_heartbeat(gateway, name).await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
}

async fn send_heartbeat(gateway: SocketAddr, name: &str) -> std::io::Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(gateway).await?;
    let heartbeat = format!(
        "POST /h/discovery/K/alive HTTP/1.1\r\nhost: gateway\r\ncontent-type: text/plain\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{name}",
        name.len()
    );
    stream.write_all(heartbeat.as_bytes()).await?;
    stream.read_to_end(&mut Vec::new()).await?;
    Ok(())
}

/// A web server. Each of its connections ends with it.
pub(crate) async fn service(router: Router) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let service = hyper_util::service::TowerToHyperService::new(router.clone());
            connections.spawn(async move {
                let io = hyper_util::rt::TokioIo::new(stream);
                let connection = hyper::server::conn::http1::Builder::new().serve_connection(io, service);
                let _ = connection.with_upgrades().await;
            });
        }
    });
    Running { address, task }
}

pub(crate) async fn get(url: &str) -> Answer {
    send(Request::get(url).body(Body::empty()).expect("a request")).await
}

pub(crate) async fn post(url: &str, body: &Value) -> Answer {
    post_text(url, "application/json", body.to_string()).await
}

pub(crate) async fn post_text(url: &str, kind: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(url)
        .header("content-type", kind)
        .header("accept", "*/*")
        .body(body.into());
    send(request.expect("a request")).await
}

pub(crate) async fn send(request: Request<Body>) -> Answer {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let work = async {
        let (parts, body) = client.request(request).await.expect("an answer").into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    };
    tokio::time::timeout(Duration::from_secs(20), work)
        .await
        .expect("an answer in time")
}

/// What a service says about itself. `more` adds members or replaces them.
pub(crate) fn said(name: &str, service: &Running, more: Value) -> Value {
    let mut said = json!({"webProtocol":"http","host":"127.0.0.1","port":service.address.port(),"socketPort":0,
        "name":name,"version":0,"activeSince":1,"awakening":null,"endpoints":[],"sockets":[],"staticResources":[],
        "menuItems":{}});
    for (name, value) in more.as_object().expect("an object") {
        said[name] = value.clone();
    }
    said
}

pub(crate) async fn register(gateway: &Running, said: &Value) -> Value {
    let answer = post(&gateway.url("/h/discovery/K/registration"), said).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

/// Waits until something is so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    for _ in 0..1000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came true that {what}");
}

/// A recorded body.
pub(crate) fn recorded(name: &str) -> Value {
    let text = recorded_text(name);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A recorded body as text: its members keep their order.
pub(crate) fn recorded_text(name: &str) -> String {
    let path = format!("{}/../../fixtures/wire/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What is logged on this thread.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Logs into it as long as what is given lives.
    pub(crate) fn here(&self) -> DefaultGuard {
        // While there is only one subscriber, tracing takes a thread without any for all threads where a line is met for
        // the first time there, and never logs it.
        static OTHERS: OnceLock<[tracing::Dispatch; 2]> = OnceLock::new();
        OTHERS.get_or_init(|| [(); 2].map(|()| tracing::Dispatch::new(tracing_subscriber::registry())));
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }

    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
