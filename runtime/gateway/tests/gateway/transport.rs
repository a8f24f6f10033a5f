//! The transports of protocol 2: the same tests of fragments run over each.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{
    FutureExt as _,
    future::BoxFuture,
    stream::{self, BoxStream, StreamExt as _},
};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use hydra_runtime_net::channel::{
    self, ChannelConfig, ChannelRequest, Handler, Link, LinkError, REGISTRATION, REQUEST_FRAGMENT, Refusal,
    RefusalKind,
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::support::{Running, register, send};

/// How a gateway and a service of protocol 2 call each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Post,
    Channel,
}

/// Both.
pub(crate) const TRANSPORTS: [Transport; 2] = [Transport::Post, Transport::Channel];

impl Transport {
    /// Registers a service, which is called over this transport if it speaks protocol 2.
    pub(crate) async fn register(self, gateway: &Running, said: &Value) -> Value {
        if self == Self::Post || said["protocol"] != 2 {
            return register(gateway, said).await;
        }
        let url = format!(
            "http://127.0.0.1:{}/h/fragment/K/requestFragment",
            said["port"].as_u64().expect("a port")
        );
        let (link, answer) = attach(gateway, said, Arc::new(Bridge { url })).await;
        // The channel is open as long as the test runs.
        tokio::spawn(async move { link.closed().await });
        answer
    }

    /// Requests fragments as the page of a service does. The status is 200 wherever there is an answer.
    pub(crate) async fn ask(self, gateway: &Running, headers: HeaderMap, batch: &Value) -> Value {
        match self {
            Self::Post => {
                let mut request = Request::post(gateway.url("/h/discovery/K/requestFragment"))
                    .header("content-type", "application/json")
                    .body(Body::from(batch.to_string()))
                    .expect("a request");
                request.headers_mut().extend(headers);
                let answer = send(request).await;
                assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
                answer.json()
            }
            Self::Channel => {
                let link = open(gateway, "page", "page-1", &[], Arc::new(Nobody))
                    .await
                    .expect("a channel");
                let request = ChannelRequest {
                    headers,
                    ..ChannelRequest::new(REQUEST_FRAGMENT, batch.to_string())
                };
                let answer = link.request(request).await.expect("an answer");
                serde_json::from_slice(&answer).expect("JSON")
            }
        }
    }
}

/// Opens a channel of a service.
pub(crate) async fn open(
    gateway: &Running,
    service: &str,
    instance: &str,
    tokens: &[String],
    handler: Arc<dyn Handler>,
) -> Result<Arc<dyn Link>, String> {
    let setup = setup(service, instance).to_string().into_bytes();
    let url = gateway.url("").parse().expect("a URL");
    let config = ChannelConfig::new(8 << 20);
    let until = Instant::now() + Duration::from_secs(20);
    let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
    let opened = channel::connect(&url, "/h/channel/K", setup, &tokens, handler, (config, until)).await;
    opened.map_err(|error| error.to_string())
}

/// The data of a SETUP.
pub(crate) fn setup(service: &str, instance: &str) -> Value {
    json!({"key":"K","protocol":2,"service":service,"instance":instance})
}

/// Registers over a channel of its own.
pub(crate) async fn attach(
    gateway: &Running,
    said: &Value,
    handler: Arc<dyn Handler>,
) -> (Arc<dyn Link>, Value) {
    let mut said = said.clone();
    let (name, port) = (
        said["name"].as_str().expect("a name").to_owned(),
        said["port"].clone(),
    );
    if said["instance"].is_null() {
        said["instance"] = json!(format!("{name}-{port}"));
    }
    let instance = said["instance"].as_str().expect("a text").to_owned();
    let link = open(gateway, &name, &instance, &[], handler)
        .await
        .expect("a channel");
    let answer = register_over(&*link, &said).await.expect("registered");
    (link, answer)
}

/// Registers over an open channel.
pub(crate) async fn register_over(link: &dyn Link, said: &Value) -> Result<Value, LinkError> {
    let request = ChannelRequest::new(REGISTRATION, said.to_string());
    let answer = link.request(request).await?;
    Ok(serde_json::from_slice(&answer).expect("JSON"))
}

/// Answers nothing.
pub(crate) struct Nobody;

impl Handler for Nobody {
    fn answer(&self, _: ChannelRequest) -> BoxFuture<'_, Result<Bytes, Refusal>> {
        let refusal = Refusal::new(RefusalKind::Invalid, "no route is answered here");
        std::future::ready(Err(refusal)).boxed()
    }

    fn follow(&self, _: ChannelRequest) -> BoxStream<'static, Result<Bytes, Refusal>> {
        stream::empty().boxed()
    }

    fn told(&self, _: ChannelRequest) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }
}

/// Passes calls on to the port of the service, so that a service of a test is the same for all transports.
struct Bridge {
    url: String,
}

impl Bridge {
    async fn call(&self, request: ChannelRequest) -> Result<Bytes, Refusal> {
        assert_eq!(request.route, REQUEST_FRAGMENT);
        let failed = |error: &dyn std::fmt::Display| Refusal::new(RefusalKind::Failed, error.to_string());
        let mut call = Request::post(&self.url)
            .header("content-type", "application/json")
            .body(Body::from(request.body))
            .expect("a request");
        call.headers_mut().extend(request.headers);
        let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
        let response = client.request(call).await.map_err(|error| failed(&error))?;
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| failed(&error))?;
        match status {
            StatusCode::OK => Ok(body.to_bytes()),
            status => Err(Refusal::of_status(
                status,
                format!("the service answered {status}"),
            )),
        }
    }
}

impl Handler for Bridge {
    fn answer(&self, request: ChannelRequest) -> BoxFuture<'_, Result<Bytes, Refusal>> {
        self.call(request).boxed()
    }

    fn follow(&self, request: ChannelRequest) -> BoxStream<'static, Result<Bytes, Refusal>> {
        Nobody.follow(request)
    }

    fn told(&self, _: ChannelRequest) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }
}
