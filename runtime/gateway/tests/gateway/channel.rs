//! The channel: how it opens, what goes over it, and how it ends.

mod bad_input;
mod life;
mod opening;
pub(crate) mod signatures;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use bytes::Bytes;
use futures_util::{
    FutureExt as _,
    future::BoxFuture,
    stream::{BoxStream, StreamExt as _},
};
use hydra_runtime_net::channel::{ChannelRequest, Handler, Refusal};
use serde_json::{Value, json};

use crate::{
    support::{Running, get, post, until},
    transport::Nobody,
};

/// Gives the fragment `x` with the service's name, and `hung` never.
#[derive(Clone, Default)]
struct Owner {
    name: String,
    under_way: Arc<AtomicUsize>,
}

/// A call until it ends or is cancelled.
struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Owner {
    fn new(name: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            ..Self::default()
        })
    }

    async fn give(&self, request: ChannelRequest) -> Bytes {
        let call: Value = serde_json::from_slice(&request.body).expect("JSON");
        let items = call["requests"][&self.name].as_array().expect("items").clone();
        self.under_way.fetch_add(1, SeqCst);
        let _under_way = UnderWay(Arc::clone(&self.under_way));
        if items[0]["ref"] == "hung" {
            std::future::pending::<()>().await;
        }
        let given: Vec<_> = items
            .iter()
            .map(|item| json!({"id": item["id"], "renderedHTML": self.name, "outcome": "rendered"}))
            .collect();
        json!({ "fragments": given }).to_string().into()
    }
}

impl Handler for Owner {
    fn answer(&self, request: ChannelRequest) -> BoxFuture<'_, Result<Bytes, Refusal>> {
        self.give(request).map(Ok).boxed()
    }

    fn follow(&self, request: ChannelRequest) -> BoxStream<'static, Result<Bytes, Refusal>> {
        Nobody.follow(request).boxed()
    }

    fn told(&self, _: ChannelRequest) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }
}

/// A registration of a service without a port.
pub(crate) fn without_port(name: &str) -> Value {
    json!({"webProtocol":"http","port":0,"name":name,"protocol":2,"instance":format!("{name}-0")})
}

fn batch(service: &str, reference: &str) -> Value {
    json!({"protocol":2,"requests":{service:[{"id":"1","ref":reference}]}})
}

/// The fragment `x` of a service, as a page gets it.
async fn fragment(gateway: &Running, service: &str) -> Value {
    let url = gateway.url("/h/discovery/K/requestFragment");
    post(&url, &batch(service, "x")).await.json()["fragments"][0].clone()
}

async fn is_active(gateway: &Running, service: &str) -> bool {
    let services = get(&gateway.url("/_h/services")).await.json();
    services.get(service).is_some()
}

async fn until_inactive(gateway: &Running, service: &str) {
    until("the service is inactive", async || {
        !is_active(gateway, service).await
    })
    .await;
}
