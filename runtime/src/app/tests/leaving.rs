//! Visitors who leave while the action of their form is under way.

use std::{sync::Arc, time::Duration};

use axum::middleware::{Next, from_fn};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    time::timeout,
};

use super::{
    forms::{Place, address, browser, form_plan, page_plan},
    through_gateway::{self, form_on_page, gateway, shop},
    *,
};
use crate::{
    Session,
    form::{Done, Invalid},
};

const LONG: Duration = Duration::from_secs(60);

/// An action with two steps.
#[derive(Clone, Default)]
struct Steps(Arc<[Notify; 3]>);

impl Steps {
    async fn take(self, _: Place) -> Result<Done, Invalid<Place>> {
        let [first, go, second] = &*self.0;
        first.notify_one();
        go.notified().await;
        second.notify_one();
        Ok(Done::stay())
    }

    /// Waits until the first step is done, sends the visitor away, and waits for the second one.
    async fn check(&self, leave: impl AsyncFnOnce()) {
        let [first, go, second] = &*self.0;
        timeout(LONG, first.notified()).await.expect("the first step");
        leave().await;
        go.notify_one();
        timeout(LONG, second.notified()).await.expect("the second step");
    }
}

fn with_steps(app: App, steps: &Steps) -> App {
    let steps = steps.clone();
    app.action(move |form: Place| steps.clone().take(form))
}

#[tokio::test]
async fn an_action_of_an_application_alone_runs_to_its_end() {
    let steps = Steps::default();
    let app = with_steps(
        App::with_plan("shop", page_plan()).page(super::forms::home_page),
        &steps,
    );
    let app = app.settings(Partial::default().private_key(super::forms::KEY));
    let request = browser(&address().await, "zip=9000");
    let visitor = tokio::spawn(app.into_router().unwrap().oneshot(request));
    let leave = async || {
        visitor.abort();
        assert!(visitor.await.is_err());
    };
    steps.check(leave).await;
}

#[tokio::test]
async fn a_session_that_an_action_changes_is_kept_although_the_visitor_has_left() {
    let steps = Steps::default();
    let of_action = steps.clone();
    let action = move |mut session: Session<u32>, form: Place| {
        let steps = of_action.clone();
        async move {
            let done = steps.take(form).await;
            session.update(|count| *count += 10).unwrap();
            done
        }
    };
    let begin = async |mut session: Session<u32>| session.update(|count| *count += 1).unwrap();
    let count = async |session: Session<u32>| session.get().to_string();
    let app = App::with_plan("shop", page_plan())
        .page(super::forms::home_page)
        .route("/begin", get(begin))
        .route("/count", get(count))
        .action(action)
        .settings(Partial::default().private_key(super::forms::KEY));
    let router = app.into_router().unwrap();
    let first = router.clone().oneshot(visit("/begin")).await.unwrap();
    let cookie = first.headers()[header::SET_COOKIE].to_str().unwrap();
    let cookie = http::HeaderValue::from_str(cookie.split(';').next().unwrap()).unwrap();
    let with_cookie = |mut request: Request<Body>| {
        request.headers_mut().insert(header::COOKIE, cookie.clone());
        router.clone().oneshot(request)
    };
    let visitor = tokio::spawn(with_cookie(browser(&address().await, "zip=9000")));
    let leave = async || {
        visitor.abort();
        assert!(visitor.await.is_err());
    };
    steps.check(leave).await;
    let counted = async {
        loop {
            let response = with_cookie(visit("/count")).await.unwrap();
            if to_bytes(response.into_body(), 100).await.unwrap() == "11" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, counted).await.expect("the session");
}

/// Tells that the answer to a request is not waited for any more.
struct Left(Arc<Notify>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn an_action_behind_a_gateway_runs_to_its_end() {
    let (steps, left) = (Steps::default(), Arc::new(Notify::new()));
    let gateway = gateway().await;
    let _shop = through_gateway::run(shop(), gateway, None).await;
    let orders = with_steps(App::with_plan("orders", form_plan()), &steps);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings = Partial::default()
        .listen(address.to_string())
        .gateway(format!("http://{gateway}"))
        .private_key(through_gateway::KEY);
    let assembled = orders.settings(settings).assemble().unwrap();
    let told = left.clone();
    let router = assembled
        .router
        .layer(from_fn(move |request: axum::extract::Request, next: Next| {
            let is_form = request.uri().path().contains("/action/");
            let left = is_form.then(|| Left(told.clone()));
            async move {
                let _left = left;
                next.run(request).await
            }
        }));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(assembled.registration.unwrap().run(address, stopped));

    let form = form_on_page(gateway).await;
    let mut visitor = TcpStream::connect(gateway).await.unwrap();
    let request = format!(
        "POST {form} HTTP/1.1\r\nhost: {gateway}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: 8\r\n\r\nzip=9000"
    );
    visitor.write_all(request.as_bytes()).await.unwrap();
    let leave = async || {
        drop(visitor);
        timeout(LONG, left.notified())
            .await
            .expect("no answer is waited for");
    };
    steps.check(leave).await;
}
