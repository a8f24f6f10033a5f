//! Owners without a port, which are reached over their channel only.

use std::sync::{Arc, Mutex};

use axum::Router;
use bytes::Bytes;
use futures_util::{
    FutureExt as _,
    future::BoxFuture,
    stream::{BoxStream, StreamExt as _},
};
use http::StatusCode;
use hydra_runtime_net::{
    channel::{ACTION, ChannelRequest, Handler, Link, Refusal, RefusalKind},
    redis_link::servers::Server,
};
use hydra_runtime_wire::forms::channel::ChannelForm;
use serde_json::{Value, json};

use super::{Record, Seen, Site, TYPED, config, invalid, protocol_2, target, the_page};
use crate::{
    channel::{
        signatures::{KEY, cluster, tokens},
        without_port,
    },
    support::{Answer, Running, gateway_with, register, said, send_heartbeats, service, until},
    transport::{Nobody, attach, open, register_over},
};

/// A service that answers forms over its channel with `answer`, and remembers them.
struct Owner {
    answer: Result<Value, Refusal>,
    seen: Mutex<Vec<(ChannelRequest, ChannelForm)>>,
}

impl Owner {
    fn new(status: u16, answer: Value) -> Arc<Self> {
        Self::that(Ok(json!({"status": status, "answer": answer})))
    }

    fn that(answer: Result<Value, Refusal>) -> Arc<Self> {
        let seen = Mutex::default();
        Arc::new(Self { answer, seen })
    }

    fn seen(&self) -> Vec<(ChannelRequest, ChannelForm)> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

impl Handler for Owner {
    fn answer(&self, request: ChannelRequest) -> BoxFuture<'_, Result<Bytes, Refusal>> {
        assert_eq!(request.route, ACTION);
        let form = serde_json::from_slice(&request.body).expect("a form");
        self.seen.lock().expect("not poisoned").push((request, form));
        let answer = self.answer.clone().map(|answer| answer.to_string().into());
        std::future::ready(answer).boxed()
    }

    fn follow(&self, request: ChannelRequest) -> BoxStream<'static, Result<Bytes, Refusal>> {
        Nobody.follow(request).boxed()
    }

    fn told(&self, _: ChannelRequest) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }
}

/// A gateway with the page `/pay`, whose form is that of a service without a port.
async fn site(owner: &Arc<Owner>) -> (Site, Arc<dyn Link>) {
    let gateway = gateway_with(config()).await;
    let page = Record::default();
    let of_page = page.clone();
    let pages = async move |request| the_page(&super::record(&of_page, request).await);
    let services = [
        service(Router::new().fallback(axum::routing::any(pages))).await,
        service(Router::new()).await,
    ];
    register(&gateway, &said("shop", &services[0], protocol_2(json!(["/pay"])))).await;
    send_heartbeats(gateway.address, &["shop"]);
    let (link, _) = attach(&gateway, &without_port("orders"), owner.clone()).await;
    let site = Site {
        gateway,
        page,
        owner: Record::default(),
        _services: services,
    };
    (site, link)
}

fn done() -> Value {
    json!({"outcome": "done", "ref": "checkout", "action": "place", "to": "/thanks"})
}

#[tokio::test]
async fn a_form_goes_over_the_channel_of_its_owner() {
    let owner = Owner::new(200, done());
    let (site, _link) = site(&owner).await;
    let cookies = "HYDRA-PREVIEW=x; own=1";
    let answered = site.post(&target(), &[("cookie", cookies)]).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER, "{}", answered.text());
    assert_eq!(answered.headers["location"], "/thanks");
    let [(request, form)] = &owner.seen()[..] else {
        panic!("{:?}", owner.seen());
    };
    assert_eq!(target(), format!("/pay?hydra-form={}", form.form));
    assert_eq!(form.content_type, "application/x-www-form-urlencoded");
    assert_eq!(form.body().expect("a body"), format!("card={TYPED}").as_bytes());
    assert!(request.headers.contains_key("traceparent"), "{request:?}");
    let cookies = request
        .headers
        .get("cookie")
        .map(|cookies| cookies.to_str().expect("text"));
    assert!(
        cookies.is_none_or(|cookies| !cookies.contains("own=1")),
        "{cookies:?}"
    );
    assert!(site.seen_by_page().is_empty());
}

#[tokio::test]
async fn what_can_not_be_used_comes_back_into_the_page() {
    let owner = Owner::new(200, invalid());
    let (site, _link) = site(&owner).await;
    let answered = site.post(&target(), &[]).await;
    assert_eq!(
        answered.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        answered.text()
    );
    assert!(answered.text().contains(&format!("<b>{TYPED} is wrong</b>")));
    assert!(answered.text().starts_with("<body><h1>Pay</h1>"));
    let pages: Vec<Seen> = site.seen_by_page();
    assert!(
        pages.iter().all(|seen| !format!("{seen:?}").contains(TYPED)),
        "{pages:?}"
    );
}

#[tokio::test]
async fn each_failure_is_told_as_over_http() {
    let refused = |kind| Err(Refusal::new(kind, "because"));
    let broken = json!({"outcome": "other"});
    for (what, owner, expected) in [
        ("unreadable", Owner::new(400, json!({"reason": "x"})), 400),
        ("a login", Owner::new(401, json!({"reason": "x"})), 403),
        ("forbidden", Owner::new(403, json!({})), 403),
        ("unknown", Owner::new(404, Value::Null), 409),
        ("too long", Owner::new(413, json!({"reason": "x"})), 413),
        ("failed", Owner::new(500, json!({"reason": "x"})), 502),
        ("not done", Owner::new(503, json!({"reason": "x"})), 503),
        ("no status", Owner::new(7, json!({})), 502),
        ("no answer", Owner::new(200, broken), 502),
        ("no envelope", Owner::that(Ok(json!([]))), 502),
        ("rejected", Owner::that(refused(RefusalKind::Rejected)), 503),
        ("an error", Owner::that(refused(RefusalKind::Failed)), 502),
    ] {
        let (site, _link) = site(&owner).await;
        let answered = site.post(&target(), &[]).await;
        assert_eq!(answered.status.as_u16(), expected, "{what}: {}", answered.text());
        assert_eq!(
            answered.headers.contains_key("retry-after"),
            expected == 503,
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_form_that_is_too_long_for_a_channel_is_refused_before_it_is_sent() {
    let owner = Owner::new(200, done());
    let (site, _link) = site(&owner).await;
    for (length, expected) in [(4 << 20, 303), ((4 << 20) + 1, 413)] {
        let answered = site.post_body(&target(), &[], vec![b'x'; length]).await;
        assert_eq!(
            answered.status.as_u16(),
            expected,
            "{length}: {}",
            answered.text()
        );
    }
    // The same without a length.
    let pieces = (0..5).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 1 << 20]));
    let body = axum::body::Body::from_stream(futures_util::stream::iter(pieces));
    let answered = site.post_body(&target(), &[], body).await;
    assert_eq!(answered.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(owner.seen().len(), 1);
}

#[tokio::test]
async fn without_its_channel_an_owner_is_away() {
    let owner = Owner::new(200, done());
    let (site, link) = site(&owner).await;
    link.abort("gone");
    until("the service is inactive", async || {
        let answered: Answer = site.post(&target(), &[]).await;
        answered.status == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
}

#[tokio::test]
async fn a_form_reaches_an_owner_whose_channel_ends_at_another_gateway() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let (holder, other) = cluster(&server).await;
    let owner = Owner::new(200, done());
    let mut links: Vec<Arc<dyn Link>> = Vec::new();
    let mut add = async |name: &str, said: Value, handler: Arc<dyn Handler>| {
        let instance = said["instance"].as_str().expect("a text").to_owned();
        let link = open(&holder, name, &instance, &tokens(KEY, name), handler).await;
        let link = link.expect("a channel");
        register_over(&*link, &said).await.expect("registered");
        links.push(link);
    };
    let mut orders = without_port("orders");
    orders["instance"] = json!("i-1");
    add("orders", orders, owner.clone()).await;
    let pages = service(Router::new()).await;
    let shop = json!({"protocol": 2, "instance": "i-1", "endpoints": ["/pay"]});
    add("shop", said("shop", &pages, shop), Arc::new(Nobody)).await;
    let post = async |gateway: &Running| {
        let request = http::Request::post(gateway.url(&target()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(axum::body::Body::from(format!("card={TYPED}")));
        crate::support::send(request.expect("a request")).await
    };
    until("the form arrives through the other gateway", async || {
        post(&other).await.status == StatusCode::SEE_OTHER
    })
    .await;
    let [(_, form)] = &owner.seen()[..] else {
        panic!("{:?}", owner.seen());
    };
    assert_eq!(form.body().expect("a body"), format!("card={TYPED}").as_bytes());
}
