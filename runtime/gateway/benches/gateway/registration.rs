//! How long until three gateways on one real Redis know a service that has just registered at one of them.

use std::{
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use axum::body::Body;
use divan::Bencher;
use futures_util::future::join_all;
use http::{Request, StatusCode};
use hydra_runtime_gateway::{Gateway, GatewayConfig, Secret};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::json;
use tokio::net::TcpListener;

/// A Redis that ends with the bench.
struct Redis {
    process: Child,
    folder: tempfile::TempDir,
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Redis {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket", "redis.sock"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("the Debian package redis-server is installed");
        Self { process, folder }
    }
}

struct Cluster {
    _redis: Redis,
    urls: Vec<String>,
    http: Client<HttpConnector, Body>,
    next: AtomicUsize,
}

impl Cluster {
    async fn start() -> Self {
        let redis = Redis::start();
        let url = format!(
            "redis+unix://{}",
            redis.folder.path().join("redis.sock").display()
        );
        let mut urls = Vec::new();
        for _ in 0..3 {
            let config = GatewayConfig {
                redis: Some(Secret::new(url.clone())),
                ..GatewayConfig::default()
            };
            let gateway = Gateway::new(config).expect("a good configuration");
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            urls.push(format!("http://{}", listener.local_addr().expect("bound")));
            tokio::spawn(async move { gateway.serve(listener, std::future::pending()).await });
        }
        let cluster = Self {
            _redis: redis,
            urls,
            http: Client::builder(TokioExecutor::new()).build_http(),
            next: AtomicUsize::new(1),
        };
        for url in &cluster.urls {
            while !cluster.has_redis(url).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        cluster
    }

    async fn has_redis(&self, url: &str) -> bool {
        let url = format!("{url}/_h/services").parse().expect("a URL");
        let answer = self.http.get(url).await.expect("an answer");
        answer.headers()["hydra-registry"] == "ok"
    }

    /// A service registers at one gateway, until all know it.
    async fn register(&self) {
        let number = self.next.fetch_add(1, Relaxed);
        let said = json!({"webProtocol": "http", "host": "10.0.0.1", "port": number, "name": format!("service-{number}"),
            "endpoints": [format!("/page-{number}")]});
        let home = &self.urls[number % self.urls.len()];
        let request = Request::post(format!("{home}/h/discovery/hydra/registration"))
            .body(Body::from(said.to_string()))
            .expect("a request");
        let answer = self.http.request(request).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        join_all(self.urls.iter().map(|url| self.until_known(url, number))).await;
    }

    async fn until_known(&self, url: &str, number: usize) {
        let mut hash = String::new();
        loop {
            let path = format!("{url}/h/discovery/hydra/overview?hash={hash}");
            let answer = self
                .http
                .get(path.parse().expect("a URL"))
                .await
                .expect("an answer");
            let body = axum::body::to_bytes(Body::new(answer.into_body()), 64 << 20).await;
            let overview: serde_json::Value = serde_json::from_slice(&body.expect("a body")).expect("JSON");
            let name = format!("service-{number}");
            let services = overview["services"].as_array();
            if services.is_some_and(|all| all.iter().any(|service| service["serviceName"] == *name)) {
                return;
            }
            hash = overview["hash"].as_str().expect("a hash").to_owned();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[divan::bench(sample_size = 1, sample_count = 100)]
fn registration_seen_on_three_gateways(bencher: Bencher<'_, '_>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let cluster = runtime.block_on(Cluster::start());
    bencher.bench_local(|| runtime.block_on(cluster.register()));
}
