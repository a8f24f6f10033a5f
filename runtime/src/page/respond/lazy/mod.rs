//! Answers browsers that ask for a lazy fragment: with the whole fragment, or with a status that says why there is none.

mod cached;
mod fetch;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, StatusCode, Uri,
    header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS},
};
use hydra_runtime_net::fragment_source::Caller;
use hydra_runtime_wire::{Asset, call_chain, keep_good, login};

use self::fetch::LazyFetch;
use crate::page::{
    Engine,
    after_page::LazyFragment,
    assets,
    fetch::sessions::VisitorSessions,
    plan::fragment_name::FragmentName,
    report,
    respond::{status::status_of, visitor::PageVisitor},
};

/// The header that tells how many bytes at the start of the answer are links.
const LINKS: HeaderName = HeaderName::from_static("hydra-links");

/// A request of a browser for a lazy fragment.
#[derive(Default)]
pub struct LazyRequest {
    /// The address: [`AfterPage::fragment_path`](crate::page::AfterPage::fragment_path) with the query that the page gave.
    pub uri: Uri,
    /// The visitor, and where fragments come from.
    pub visitor: PageVisitor,
}

/// The fragment that `request` asks for. It is for this visitor: no cache may keep it.
pub(crate) async fn answer(engine: &Engine, request: LazyRequest) -> Response {
    let mut response = match engine.after_page() {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(after_page) => match after_page.open(
            &request.uri,
            login::binding(&request.visitor.caller.headers).as_ref(),
            SystemTime::now(),
        ) {
            Ok(fragment) => fetch(engine, fragment, request.visitor).await,
            Err(error) => {
                report::address_refused(error.label());
                error.into_response()
            }
        },
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}

async fn fetch(engine: &Engine, fragment: LazyFragment, visitor: PageVisitor) -> Response {
    let options = &engine.shared().options;
    // A budget of zero would mean "none" to the engine.
    let budget = Duration::from_millis(fragment.timeout.max(1)).min(options.page_deadline);
    let mut sessions = VisitorSessions {
        current: visitor.sessions,
        ..VisitorSessions::default()
    };
    let fetch = LazyFetch {
        engine,
        fragment,
        caller: Caller {
            budget,
            call_chain: vec![call_chain::page_step(&options.service)],
            ..visitor.caller
        },
        local: visitor.local,
        source: visitor.source,
    };
    let answer = fetch.answer(budget, &mut sessions).await;
    let answer = answer.checked(options.max_fragment_bytes);
    let LazyFragment {
        service, reference, ..
    } = fetch.fragment;
    let name = FragmentName {
        owner: service.map(Arc::from),
        reference: reference.into(),
    };
    let reporter = &engine.shared().reporter;
    reporter.lazy(
        &name,
        answer.outcome,
        answer.reason.as_ref(),
        answer.html.is_none(),
    );
    let mut response = match answer.html {
        Some(html) => with_links(engine, name, &html, answer.assets.into_vec()),
        None => {
            let words = "This part of the page can't be had at the moment.\n";
            (status_of(answer.outcome), words).into_response()
        }
    };
    sessions.write_cookies(response.headers_mut());
    if let (Some(sink), false) = (visitor.on_sessions, sessions.changed.is_empty()) {
        sink(sessions.changed);
    }
    response
}

/// The HTML of a fragment, after the links for what it needs. A header tells the length of the links: to the content security
/// policy of the page, scripts in the links are the page's own, and scripts in the HTML are not.
fn with_links(engine: &Engine, name: FragmentName, html: &Bytes, mut assets: Vec<Asset>) -> Response {
    engine.shared().reporter.unlinked(name, keep_good(&mut assets));
    let links = assets::links_alone(&assets);
    let length = HeaderValue::from(links.len());
    let html = Html([links.as_bytes(), html].concat());
    ([(LINKS, length)], html).into_response()
}
