//! Handlers of an application that do what they should not.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use axum::{
    body::{Body, to_bytes},
    extract::State,
    response::{IntoResponse, Response},
};
use http::{Request, StatusCode};
use hydra_runtime::{
    App, Fragment, Page, Route,
    app::{fragment_response, page_response},
};
use serde::Serialize;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tower::ServiceExt;

use crate::plans::{SiteExt, plan, slot};

/// Longer than any test waits for a page.
const FOR_EVER: Duration = Duration::from_secs(30);

/// A page, or a fragment, with any attribute.
#[derive(Serialize)]
struct With<T> {
    x: T,
}

macro_rules! shown_as {
    ($page:ty, $fragment:ty) => {
        impl Page for $page {
            const TEMPLATE: &'static str = "page.html";
        }
        impl Route for $page {
            const PATH: &'static str = "/";
        }
        impl IntoResponse for $page {
            fn into_response(self) -> Response {
                page_response(&self)
            }
        }
        impl Fragment for $fragment {
            const REF: &'static str = "own";
            type Imports = ();
            const EXPORTS: &'static [&'static str] = &[];
        }
        impl IntoResponse for $fragment {
            fn into_response(self) -> Response {
                fragment_response(&self)
            }
        }
    };
}

type Text = &'static str;
/// JSON has no such keys.
type Pairs = BTreeMap<(u8, u8), u8>;

/// A fragment's attributes.
#[derive(Serialize)]
struct Own<T> {
    y: T,
}

shown_as!(With<Text>, Own<Text>);
shown_as!(With<Pairs>, Own<Pairs>);
shown_as!(With<f64>, Own<f64>);

/// `[` the attribute of the page, the fragment `own` of this service or `-`, `]`.
fn app<S: Clone + Send + Sync + 'static>() -> App<S> {
    let templates = [
        ("page.html", "[{{ x }}|{{ 0 | __hydra }}]"),
        ("own.html", "<b>{{ y }}</b>"),
        ("#0/page.html", "-"),
    ];
    let plan = plan(
        &templates,
        [slot("own").fallback("#0/page.html", "").timeout(200)],
    );
    App::with_plan("shop", serde_json::to_string(&plan).unwrap())
}

async fn visit(app: App) -> (StatusCode, String) {
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = app.into_router().unwrap().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

type Gate = Arc<Mutex<mpsc::Receiver<()>>>;

async fn blocking(State(gate): State<Gate>) -> Own<Text> {
    gate.lock().unwrap().recv_timeout(FOR_EVER).ok();
    Own { y: "late" }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_fragment_that_blocks_its_thread_costs_only_its_slot() {
    let (open, gate) = mpsc::channel::<()>();
    let app = app()
        .page(async || With { x: "page" })
        .fragment(blocking)
        .with_state::<()>(Arc::new(Mutex::new(gate)));
    let page = tokio::spawn(visit(app));
    assert_eq!(page.await.unwrap(), (StatusCode::OK, "[page|-]".to_owned()));
    drop(open);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_fragment_that_panics_on_a_thread_of_its_own_costs_only_its_slot() {
    async fn panics() -> Own<Text> {
        panic!("as asked")
    }
    let app = app().page(async || With { x: "page" }).fragment(panics);
    assert_eq!(visit(app).await, (StatusCode::OK, "[page|-]".to_owned()));
}

/// Says when it is dropped.
struct Guard(UnboundedSender<&'static str>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.send("dropped").ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_who_hangs_up_ends_the_handlers_task() {
    async fn waits(State(sender): State<UnboundedSender<&'static str>>) -> Own<Text> {
        let _guard = Guard(sender.clone());
        sender.send("begun").ok();
        std::future::pending().await
    }
    let (sender, mut seen) = unbounded_channel();
    let templates = [
        ("page.html", "[{{ x }}|{{ 0 | __hydra }}]"),
        ("own.html", "<b>{{ y }}</b>"),
    ];
    let plan = plan(&templates, [slot("own").timeout(60_000)]);
    let app = App::with_plan("shop", serde_json::to_string(&plan).unwrap())
        .page(async || With { x: "page" })
        .fragment(waits)
        .with_state::<()>(sender);
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = app.into_router().unwrap().oneshot(request).await.unwrap();
    assert_eq!(seen.recv().await, Some("begun"));
    assert!(seen.try_recv().is_err(), "it goes on while the visitor reads");
    drop(response);
    assert_eq!(seen.recv().await, Some("dropped"));
}

#[tokio::test]
async fn attributes_of_a_fragment_that_do_not_serialise_cost_only_its_slot() {
    let pairs = async || Own {
        y: Pairs::from([((1, 2), 3)]),
    };
    let app = app().page(async || With { x: "page" }).fragment(pairs);
    assert_eq!(visit(app).await, (StatusCode::OK, "[page|-]".to_owned()));
}

#[tokio::test]
async fn attributes_of_a_page_that_do_not_serialise_give_an_error_status() {
    let pairs = async || With {
        x: Pairs::from([((1, 2), 3)]),
    };
    let app = app().page(pairs).fragment(async || Own { y: "fragment" });
    let (status, shown) = visit(app).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!shown.contains("fragment"), "{shown}");
}

#[tokio::test]
async fn attributes_that_are_no_number_are_no_reason_to_fail() {
    let app = app()
        .page(async || With { x: f64::NAN })
        .fragment(async || Own { y: f64::INFINITY });
    let (status, shown) = visit(app).await;
    assert_eq!(status, StatusCode::OK);
    assert!(shown.starts_with('[') && shown.contains("<b>"), "{shown}");
}
