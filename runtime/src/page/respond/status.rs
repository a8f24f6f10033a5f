//! Decides the status of a page: 200 once no required fragment can fail any more, and otherwise an error page.

use std::{collections::BTreeSet, future::poll_fn, task::Poll};

use super::first_flush::FirstFlush;
use crate::page::{Engine, fetch::driver::Driver, report::error::PageFailure};
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use hydra_runtime_wire::Outcome;

impl PageFailure {
    /// The status of the error page: 500 for a template that fails; for a required fragment 503 where its service is
    /// away, 504 where it is late, and 502 otherwise.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            PageFailure::Render(_) => StatusCode::INTERNAL_SERVER_ERROR,
            PageFailure::Required(required) => status_of(required.outcome),
        }
    }
}

/// The status of a response that has nothing to show because a fragment ended with `outcome`.
pub(super) fn status_of(outcome: Outcome) -> StatusCode {
    match outcome {
        Outcome::Inactive => StatusCode::SERVICE_UNAVAILABLE,
        Outcome::Late => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    }
}

/// Waits until the head of the response may leave: no required fragment is open and none of the `cookie_owners`, and `flush`
/// says so or all text is ready.
pub(super) async fn until_head(
    driver: &mut Driver,
    mut flush: FirstFlush,
    is_head: bool,
    cookie_owners: &BTreeSet<String>,
) {
    poll_fn(|cx| {
        driver.work(cx);
        if driver.is_done() || !driver.state.is_open() {
            return Poll::Ready(());
        }
        let holds = driver.state.holds_head();
        if is_head && !holds {
            return Poll::Ready(());
        }
        let waits = holds || driver.state.awaits_some(cookie_owners);
        if flush.poll(cx).is_ready() && !waits {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// The error page. It does not tell the visitor why the page failed: that is in the log.
pub(super) fn failure(engine: &Engine, failure: &PageFailure) -> Response {
    let status = failure.status();
    match failure {
        PageFailure::Render(_) => metrics::counter!("hydra_pages_total", "outcome" => "broken"),
        PageFailure::Required(_) => metrics::counter!("hydra_pages_total", "outcome" => "required"),
    }
    .increment(1);
    tracing::error!(status = status.as_u16(), %failure, "page not shown");
    if let Some(error_page) = &engine.shared().options.error_page {
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
