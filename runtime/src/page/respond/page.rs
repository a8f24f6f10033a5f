//! A page as an HTTP response: its status, and when its first byte leaves.

use std::{
    collections::BTreeSet,
    future::poll_fn,
    task::Poll,
    time::{Duration, SystemTime},
};

use axum::{
    body::Body,
    response::{Html, IntoResponse, Response},
};
use http::{
    HeaderValue, Method,
    header::{CONTENT_TYPE, LINK},
};
use hydra_runtime_wire::trail;
use tera::Context;
use tokio::time::{Instant, sleep_until};

use crate::page::{
    Engine,
    after_page::{Delivery, Token},
    assets::{self, script_nonce::ScriptNonce},
    fetch::{Driver, Sources},
    plan::possible_owners::Owners,
    report::error::PageFailure,
    respond::{
        body::{Conversation, PageBody},
        visitor::Visitor,
    },
    state::PageState,
};

/// Somebody wants to see a page.
#[derive(Default)]
pub struct PageRequest {
    /// The template's name.
    pub template: String,
    /// The attributes that the page's handler gives.
    pub context: Context,
    /// The request's method. A `HEAD` gets the status without a body.
    pub method: Method,
    /// Who asks.
    pub visitor: Visitor,
    /// The nonce that the page's content security policy names, where it does not allow the site's own scripts.
    pub script_nonce: Option<ScriptNonce>,
}

/// What a page has to do with sessions, as an extension of its response.
#[derive(Clone, Debug, Default)]
pub struct PageSessions {
    /// Whose fragments are still to come when the head leaves: their sessions may begin after that.
    pub(crate) open: Owners,
    /// Whether a fragment of it was asked for with a session of the visitor, or may be.
    pub(crate) is_personal: bool,
}

/// The response to `request`. It is there when its status is decided and either all is ready or `flush_after` is over.
pub(crate) async fn answer(engine: &Engine, request: PageRequest) -> Response {
    let start = Instant::now();
    let core = engine.core();
    let later = core.later.clone().zip(Token::random());
    let delivery = later.map(|(later, token)| {
        let headers = &request.visitor.caller.headers;
        Box::new(Delivery::new(
            later,
            token,
            headers,
            request.script_nonce.clone(),
            SystemTime::now(),
        ))
    });
    let state = PageState::new(engine.core_arc(), &request.template, &request.context, delivery);
    let mut state = match state {
        Ok(state) => state,
        Err(error) => return failure(engine, &PageFailure::Render(error)),
    };
    if let Some(nonce) = request.script_nonce {
        state.bear(nonce);
    }
    if let Some(error) = state.failure() {
        return failure(engine, error);
    }
    let is_head = request.method == Method::HEAD;
    if is_head && !state.holds_head() {
        return success(PageBody::Head);
    }
    let visitor = request.visitor;
    let end = start + engine.budget(&visitor.caller);
    let sources = Sources {
        local: visitor.local,
        remote: visitor.source,
    };
    let knows: BTreeSet<String> = visitor.sessions.keys().cloned().collect();
    let mut caller = visitor.caller;
    caller.trail.push(trail::page(&core.options.service));
    let mut driver = Driver::new(engine.clone(), state, sources, caller, visitor.sessions, end);
    match core.options.deferred_grace {
        Duration::ZERO => driver.state.end_grace(),
        grace => driver.grace = Some(Box::pin(sleep_until(start + grace))),
    }
    let mut page = Box::new(Conversation {
        driver,
        on_sessions: visitor.on_sessions,
    });
    until_head(&mut page.driver, start + core.options.flush_after, is_head).await;
    if let Some(error) = page.driver.state.failure() {
        return failure(engine, error);
    }
    if is_head {
        return success(PageBody::Head);
    }
    page.driver.state.head_leaves();
    let preload = assets::preload(page.driver.state.assets());
    page.driver.collect();
    let is_done = page.driver.is_done();
    let sessions = PageSessions {
        open: page.driver.state.still_open(),
        is_personal: !knows.is_empty() && page.driver.state.is_of_some(|service| knows.contains(service)),
    };
    let mut response = success(match is_done {
        true => PageBody::Complete(std::mem::take(&mut page.driver.ready)),
        false => PageBody::Open(page),
    });
    if sessions.is_personal || sessions.open != Owners::default() {
        response.extensions_mut().insert(sessions);
    }
    response
        .headers_mut()
        .extend(preload.map(|preload| (LINK, preload)));
    response
}

/// Waits until the head may leave: `at` is over or there is nothing to wait for, and no required fragment is open.
async fn until_head(driver: &mut Driver, at: Instant, is_head: bool) {
    let mut flush = None;
    poll_fn(|cx| {
        driver.work(cx);
        if driver.is_done() || !driver.state.is_open() {
            return Poll::Ready(());
        }
        let holds = driver.state.holds_head();
        if is_head && !holds {
            return Poll::Ready(());
        }
        let flush = flush.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if flush.as_mut().poll(cx).is_ready() && !holds {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

fn success(body: PageBody) -> Response {
    metrics::counter!("hydra_pages_total", "outcome" => "shown").increment(1);
    let mut response = Response::new(Body::new(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// The error page. Why it is shown is for the log only.
fn failure(engine: &Engine, failure: &PageFailure) -> Response {
    let status = failure.status();
    match failure {
        PageFailure::Render(_) => metrics::counter!("hydra_pages_total", "outcome" => "broken"),
        PageFailure::Required(_) => metrics::counter!("hydra_pages_total", "outcome" => "required"),
    }
    .increment(1);
    tracing::error!(status = status.as_u16(), %failure, "page not shown");
    if let Some(error_page) = &engine.core().options.error_page {
        return error_page(failure);
    }
    let title = status.canonical_reason().unwrap_or("Error");
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title></head>\n\
         <body><main><h1>{title}</h1><p>This page can't be shown at the moment. Please try again.</p></main></body></html>\n"
    );
    (status, Html(html)).into_response()
}
