//! Answers browsers that ask for a lazy fragment: one fragment, whole, or a status that says why not.

mod ask;
mod shared;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, StatusCode, Uri,
    header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS},
};
use hydra_runtime_net::source::Caller;
use hydra_runtime_wire::{Asset, cookies, keep_good, trail};

use self::ask::Ask;
use crate::page::{
    Engine,
    after_page::Asked,
    assets,
    fetch::Sessions,
    report::{self, error::status_of},
    respond::visitor::Visitor,
};

/// How many bytes of the answer are links.
const LINKS: HeaderName = HeaderName::from_static("hydra-links");

/// A browser asks for a lazy fragment.
#[derive(Default)]
pub struct LazyRequest {
    /// What it asked for: [`Later::fragment_path`](super::Later::fragment_path) with the query that the page gave.
    pub uri: Uri,
    /// Who asks.
    pub visitor: Visitor,
}

/// The fragment that `request` asks for. It belongs to this visitor: nobody may keep it.
pub(crate) async fn answer(engine: &Engine, request: LazyRequest) -> Response {
    let mut response = match engine.later() {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(later) => match later.open(
            &request.uri,
            cookies::login(&request.visitor.caller.headers).as_ref(),
            SystemTime::now(),
        ) {
            Ok(asked) => fetch(engine, asked, request.visitor).await,
            Err(error) => {
                report::refused(error);
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

async fn fetch(engine: &Engine, asked: Asked, visitor: Visitor) -> Response {
    let options = &engine.core().options;
    // A budget of zero would mean "none" to the engine.
    let budget = Duration::from_millis(asked.timeout.max(1)).min(options.page_deadline);
    let mut sessions = Sessions {
        current: visitor.sessions,
        changed: BTreeMap::new(),
    };
    let ask = Ask {
        engine,
        asked,
        caller: Caller {
            budget,
            trail: vec![trail::page(&options.service)],
            ..visitor.caller
        },
        local: visitor.local,
        source: visitor.source,
    };
    let answer = ask.answer(budget, &mut sessions).await;
    let answer = answer.checked(options.max_fragment_bytes);
    let Asked {
        service, reference, ..
    } = ask.asked;
    report::lazy(engine.core(), service.as_deref(), &reference, &answer);
    if let (Some(sink), false) = (visitor.on_sessions, sessions.changed.is_empty()) {
        sink(sessions.changed);
    }
    match answer.html {
        Some(html) => linked(engine, &html, answer.assets.into_vec(), (service, reference)),
        None => {
            let words = "This part of the page can't be had at the moment.\n";
            (status_of(answer.outcome), words).into_response()
        }
    }
}

/// The HTML, behind the links for what it needs. How long those are is said beside them: their scripts are the page's own, as
/// far as its content security policy goes, and those in the HTML are not.
fn linked(
    engine: &Engine,
    html: &Bytes,
    mut assets: Vec<Asset>,
    (owner, reference): (Option<String>, String),
) -> Response {
    let owner = owner.as_deref();
    report::unlinked(engine.core(), owner, &reference, keep_good(&mut assets));
    let links = assets::links_alone(&assets);
    let length = HeaderValue::from(links.len());
    let html = Html([links.as_bytes(), html].concat());
    ([(LINKS, length)], html).into_response()
}
