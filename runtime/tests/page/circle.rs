//! Services that ask each other, all in this process.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::{StreamExt, stream, stream::BoxStream};
use hydra_runtime::{
    fragment_source::{Caller, FragmentSource},
    page::{Engine, FragmentCall, Options},
    wire::{FragmentRequest, FragmentsRequest, ResolvedFragments},
};
use tera::Context;
use tokio::sync::Barrier;

use crate::{
    plans::{SiteExt, plan, slot},
    support::{Locals, Log, echo, request, text},
};

/// Takes each fragment to the engine of its service, as a gateway would.
#[derive(Clone, Default)]
struct Services {
    engines: Arc<OnceLock<HashMap<&'static str, Engine>>>,
    /// Where what pages ask for waits for each other.
    meeting: Option<Arc<Barrier>>,
}

impl Services {
    fn call(&self, item: FragmentRequest) -> FragmentCall {
        FragmentCall {
            local: Locals::default().with(&item.reference, echo).arc(),
            id: item.id,
            reference: item.reference,
            imports: item.attributes.unwrap_or_default(),
            exports: item.exports,
            caller: Caller {
                budget: Duration::from_millis(item.deadline.unwrap_or_default()),
                call_chain: item.call_chain,
                ..Caller::default()
            },
            source: Some(Arc::new(self.clone())),
            ..FragmentCall::default()
        }
    }
}

impl FragmentSource for Services {
    fn resolve(&self, batch: FragmentsRequest, _: Caller) -> BoxStream<'static, ResolvedFragments> {
        let services = self.clone();
        let items = batch.requests.0.into_iter().flat_map(|(_, items)| items);
        let items: Vec<_> = items.collect();
        stream::iter(items)
            .then(move |item| {
                let engine = services.engines.get().unwrap()[item.service.as_str()].clone();
                let meeting = services.meeting.clone().filter(|_| item.call_chain.len() == 1);
                let call = services.call(item);
                async move {
                    if let Some(meeting) = meeting {
                        meeting.wait().await;
                    }
                    ResolvedFragments {
                        fragments: vec![engine.fragment(call).await.fragment],
                        ..ResolvedFragments::default()
                    }
                }
            })
            .boxed()
    }
}

/// A service with the fragment `own`, which asks for `next`.
fn service(name: &str, next: &str) -> Engine {
    let templates = [
        ("page.html", "{{ 0 | __hydra }}"),
        ("own.html", "({{ 0 | __hydra }})"),
        ("#0/page.html", "end"),
    ];
    let sites = [slot(next).fallback("#0/page.html", "").timeout(60_000)];
    let mut options = Options::new(name);
    options.page_deadline = Duration::from_secs(60);
    Engine::new(plan(&templates, sites), options, |_| ()).unwrap()
}

#[tokio::test]
async fn a_circle_of_three_services_ends_with_a_fallback_and_a_log_that_shows_the_circle() {
    let log = Log::start();
    let services = Services::default();
    let page = service("shop", "orders/own");
    let engines = HashMap::from([
        ("orders", service("orders", "shipping/own")),
        ("shipping", service("shipping", "shop/own")),
        ("shop", page.clone()),
    ]);
    assert!(services.engines.set(engines).is_ok());
    let mut request = request(Context::new(), None);
    request.visitor.source = Some(Arc::new(services));
    assert_eq!(text(page.page(request).await).await, "(((end)))");
    let circle = "shop > orders/own > shipping/own > shop/own > orders/own";
    assert!(log.text().contains(circle), "{}", log.text());
}

/// A service whose fragment `own` asks for `next`; answers may be used again, so that those who ask the same wait for each other.
fn sharing(name: &str, next: &str) -> Engine {
    let templates = [
        ("page.html", "{{ 0 | __hydra }}"),
        ("own.html", "({{ 0 | __hydra }})"),
        ("#0/page.html", "end"),
    ];
    let slot = slot(next)
        .fallback("#0/page.html", "")
        .cache(3_600_000)
        .timeout(2_000);
    Engine::new(plan(&templates, [slot]), Options::new(name), |_| ()).unwrap()
}

#[tokio::test]
async fn two_requests_that_go_round_a_circle_from_both_ends_do_not_wait_for_each_other_for_long() {
    let services = Services {
        meeting: Some(Arc::new(Barrier::new(2))),
        ..Services::default()
    };
    let (shop, orders) = (sharing("shop", "orders/own"), sharing("orders", "shop/own"));
    let engines = HashMap::from([("shop", shop.clone()), ("orders", orders.clone())]);
    assert!(services.engines.set(engines).is_ok());
    let page = |engine: Engine| {
        let mut request = request(Context::new(), None);
        request.visitor.source = Some(Arc::new(services.clone()));
        async move { text(engine.page(request).await).await }
    };
    // Each begins with what the other comes to; both show all that there is before the circle closes.
    let shown = futures_util::join!(page(shop), page(orders));
    assert_eq!(shown, ("((end))".to_owned(), "((end))".to_owned()));
}
