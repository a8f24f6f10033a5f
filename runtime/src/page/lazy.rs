//! Answers browsers that ask for a lazy fragment: one fragment, whole, or a status that says why not.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::response::{Html, IntoResponse, Response};
use http::{
    HeaderValue, StatusCode, Uri,
    header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS},
};
use serde_json::Value;
use tokio::time::timeout;

use super::{
    Engine, assets,
    batch::Batch,
    error::status_of,
    fragment::FragmentCall,
    later::Asked,
    meter,
    respond::SessionSink,
    state::Answer,
    wave::{Event, Wave},
};
use crate::{
    cookies,
    source::{Caller, FragmentSource, LocalFragments},
    trail,
    wire::{FragmentRequest, Outcome},
};

/// A browser asks for a lazy fragment.
#[derive(Default)]
pub struct LazyRequest {
    /// What it asked for: [`Later::fragment_path`](super::Later::fragment_path) with the query that the page gave.
    pub uri: Uri,
    /// On whose behalf. The budget is the one that the page said.
    pub caller: Caller,
    /// This service's fragments.
    pub local: Option<Arc<dyn LocalFragments>>,
    /// Where fragments of other services come from.
    pub source: Option<Arc<dyn FragmentSource>>,
    /// The visitor's sessions, by service. Each is sent to its own service only.
    pub sessions: BTreeMap<String, Value>,
    /// Gets the sessions that changed.
    pub on_sessions: Option<SessionSink>,
}

/// The sessions that changed, by service.
type Changed = BTreeMap<String, Value>;

/// Now, as seals count.
pub(super) fn seconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

/// The fragment that `request` asks for. It belongs to this visitor: nobody may keep it.
pub(super) async fn answer(engine: &Engine, mut request: LazyRequest) -> Response {
    let on_sessions = request.on_sessions.take();
    let mut response = match engine.later() {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(later) => match later.open(
            &request.uri,
            cookies::login(&request.caller.headers).as_ref(),
            seconds(),
        ) {
            Ok(asked) => fetch(engine, asked, request, on_sessions).await,
            Err(error) => {
                meter::refused(error);
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

async fn fetch(
    engine: &Engine,
    asked: Asked,
    mut request: LazyRequest,
    on_sessions: Option<SessionSink>,
) -> Response {
    let options = &engine.core().options;
    // A budget of zero would mean "none" to the engine.
    let budget = Duration::from_millis(asked.timeout.max(1)).min(options.page_deadline);
    request.caller.budget = budget;
    request.caller.trail = vec![trail::page(&options.service)];
    let (owner, reference) = (asked.service.clone(), asked.reference.clone());
    // What changed before the time was over has changed.
    let mut changed = Changed::new();
    let answer = timeout(budget, resolve(engine, asked, request, &mut changed)).await;
    let answer = answer.unwrap_or_else(|_| Answer::failed(Outcome::Late, "it took too long"));
    let answer = answer.checked(options.max_fragment_bytes);
    meter::lazy(engine.core(), owner.as_deref(), &reference, &answer);
    if let (Some(sink), false) = (on_sessions, changed.is_empty()) {
        sink(changed);
    }
    match answer.html {
        Some(html) => Html(assets::linked(html, answer.assets)).into_response(),
        None => {
            let words = "This part of the page can't be had at the moment.\n";
            (status_of(answer.outcome), words).into_response()
        }
    }
}

async fn resolve(engine: &Engine, asked: Asked, request: LazyRequest, changed: &mut Changed) -> Answer {
    match (asked.service.clone(), request.source.clone()) {
        (None, _) => own(engine, asked, request, changed).await,
        (Some(service), Some(source)) => of_other(&service, &*source, asked, request, changed).await,
        (Some(_), None) => Answer::failed(Outcome::Inactive, "there is no gateway"),
    }
}

async fn own(engine: &Engine, asked: Asked, request: LazyRequest, changed: &mut Changed) -> Answer {
    let call = FragmentCall {
        id: String::new(),
        reference: asked.reference,
        imports: asked.imports,
        exports: Vec::new(),
        sessions: request.sessions,
        caller: request.caller,
        local: request.local,
        source: request.source,
    };
    let answer = engine.fragment(call).await;
    changed.extend(answer.sessions);
    answer.fragment.into()
}

async fn of_other(
    service: &str,
    source: &dyn FragmentSource,
    asked: Asked,
    request: LazyRequest,
    changed: &mut Changed,
) -> Answer {
    let trail = request.caller.trail.clone();
    let item = FragmentRequest {
        service: service.to_owned(),
        reference: asked.reference,
        imports: asked.imports.keys().cloned().collect(),
        attributes: Some(asked.imports),
        trail,
        ..FragmentRequest::default()
    };
    let mut batch = Batch::default();
    batch.add(0, request.caller.budget, item);
    let mut wave = Wave::send(batch, source, &request.sessions, &request.caller);
    loop {
        let (answers, part) = match poll_fn(|cx| wave.poll(cx)).await {
            Event::Part(answers, part) => (answers, part),
            Event::End(reason) => return Answer::failed(Outcome::Failed, reason),
        };
        changed.extend(part.sessions.into_iter().filter(|(owner, _)| owner == service));
        if let Some((_, answer)) = answers.into_iter().next() {
            return answer;
        }
    }
}
