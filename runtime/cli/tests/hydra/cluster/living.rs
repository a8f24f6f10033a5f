//! Services that live and speak, and the visitors of their pages.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{Router, body::Body, routing::get as on_get};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::gateways::Gateway;
use crate::support::{Running, said, service};

/// How often a service says that it is there (protocol section 3).
const ALIVE: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_secs(1);

/// A task that ends with the test.
struct Doing(JoinHandle<()>);

impl Drop for Doing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A service with one page, and its client. Dropping it kills both.
pub(super) struct Living {
    pub(super) name: String,
    /// The number of the gateway that it speaks to.
    home: Arc<AtomicUsize>,
    heard: Arc<AtomicUsize>,
    _page: Running,
    _client: Doing,
}

impl Living {
    /// Starts one that is registered at the gateway `home` and knows all others.
    pub(super) async fn start(name: &str, urls: &[String], home: usize) -> Self {
        let path = format!("/{name}-page");
        let page = service(Router::new().route(&path, on_get(async || "a page"))).await;
        let said = said(name, &page, json!({"endpoints":[path]}));
        let client = Speaker {
            http: Client::builder(TokioExecutor::new()).build_http(),
            urls: urls.to_vec(),
            home: Arc::new(AtomicUsize::new(home)),
            heard: Arc::default(),
            name: name.to_owned(),
            said,
        };
        let registered = client.call(home, "registration", client.said.to_string()).await;
        assert_eq!(registered, Some(StatusCode::OK), "{name}");
        Self {
            name: name.to_owned(),
            home: Arc::clone(&client.home),
            heard: Arc::clone(&client.heard),
            _page: page,
            _client: Doing(tokio::spawn(client.speak())),
        }
    }

    /// The number of the gateway that it speaks to.
    pub(super) fn home(&self) -> usize {
        self.home.load(SeqCst)
    }

    /// From its next word on it speaks to this gateway, as behind a load balancer that thought again.
    pub(super) fn move_to(&self, home: usize) {
        self.heard.store(0, SeqCst);
        self.home.store(home, SeqCst);
    }

    /// How often a gateway took its word since it moved.
    pub(super) fn times_heard(&self) -> usize {
        self.heard.load(SeqCst)
    }
}

/// A client that goes to the next address when a gateway is away, as one does behind a name with several addresses.
struct Speaker {
    http: Client<HttpConnector, Body>,
    urls: Vec<String>,
    home: Arc<AtomicUsize>,
    heard: Arc<AtomicUsize>,
    name: String,
    said: Value,
}

impl Speaker {
    async fn speak(self) {
        loop {
            tokio::time::sleep(ALIVE).await;
            let home = self.home.load(SeqCst);
            match self.call(home, "alive", self.name.clone()).await {
                Some(StatusCode::OK) => drop(self.heard.fetch_add(1, SeqCst)),
                _ => self.register().await,
            }
        }
    }

    async fn register(&self) {
        loop {
            for _ in &self.urls {
                let home = self.home.load(SeqCst);
                if self.call(home, "registration", self.said.to_string()).await == Some(StatusCode::OK) {
                    return;
                }
                self.home.store((home + 1) % self.urls.len(), SeqCst);
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn call(&self, home: usize, what: &str, body: String) -> Option<StatusCode> {
        let kind = if what == "alive" {
            "text/plain"
        } else {
            "application/json"
        };
        let request =
            Request::post(format!("{}/h/discovery/K/{what}", self.urls[home])).header("content-type", kind);
        let answer = self.http.request(request.body(body.into()).expect("a request"));
        let answer = tokio::time::timeout(Duration::from_secs(2), answer).await;
        Some(answer.ok()?.ok()?.status())
    }
}

/// Those who visit all pages of living services on all living gateways, all the time.
#[derive(Default)]
pub(super) struct Visitors {
    names: Arc<Mutex<Vec<String>>>,
    failures: Arc<Mutex<Vec<String>>>,
    visits: Arc<AtomicUsize>,
    tasks: Vec<Doing>,
}

impl Visitors {
    /// From now on the page of this service must be there.
    pub(super) fn expect(&self, name: &str) {
        self.names.lock().expect("not poisoned").push(name.to_owned());
    }

    /// It may end now.
    pub(super) fn let_go(&self, name: &str) {
        self.names
            .lock()
            .expect("not poisoned")
            .retain(|known| known != name);
    }

    /// Visits all pages on this gateway while it lives.
    pub(super) fn visit(&mut self, gateway: &Gateway) {
        let (url, is_alive) = (gateway.url.clone(), gateway.life());
        let (names, failures) = (Arc::clone(&self.names), Arc::clone(&self.failures));
        let visits = Arc::clone(&self.visits);
        let http: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
        self.tasks.push(Doing(tokio::spawn(async move {
            loop {
                let expected = names.lock().expect("not poisoned").clone();
                for name in expected {
                    let saw = page(&http, &format!("{url}/{name}-page")).await;
                    let still_expected = names.lock().expect("not poisoned").contains(&name);
                    if !is_alive.load(SeqCst) {
                        return;
                    }
                    if let (Err(failure), true) = (saw, still_expected) {
                        failures
                            .lock()
                            .expect("not poisoned")
                            .push(format!("{url} {name}: {failure}"));
                    }
                    visits.fetch_add(1, SeqCst);
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        })));
    }

    /// All visitors have seen only pages so far.
    pub(super) fn are_content(&self) {
        let failures = self.failures.lock().expect("not poisoned");
        let visits = self.visits.load(SeqCst);
        assert!(failures.is_empty(), "of {visits} visits failed {failures:#?}");
        assert!(visits > 0);
    }
}

async fn page(http: &Client<HttpConnector, Body>, url: &str) -> Result<(), String> {
    let answer = http.get(url.parse().expect("a URL")).await;
    let answer = answer.map_err(|error| format!("{error:?}"))?;
    let status = answer.status();
    let body = answer.into_body().collect().await;
    let body = body.map_err(|error| format!("{error:?}"))?.to_bytes();
    (status == StatusCode::OK && body == "a page")
        .then_some(())
        .ok_or_else(|| format!("{status} {body:?}"))
}
