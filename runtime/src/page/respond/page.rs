//! Answers a request for a page.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderValue, Method,
    header::{CONTENT_TYPE, LINK},
};
use hydra_runtime_wire::{
    call_chain,
    cookies::login,
    headers::{FORM_PLACED, HYDRA_FORM},
};
use tera::Context;
use tokio::time::Instant;

use crate::page::{
    Engine,
    after_page::{Delivery, Token},
    answer::PrefilledSlot,
    assets::{self, script_nonce::ScriptNonce},
    fetch::driver::{Driver, FragmentSources},
    plan::possible_owners::PossibleOwners,
    preview::PreviewBar,
    report::error::PageFailure,
    respond::{
        body::{OpenPage, PageBody},
        first_flush::FirstFlush,
        kept_page,
        status::{failure, until_head},
        visitor::PageVisitor,
    },
    state::PageState,
};

/// A request for a page.
#[derive(Default)]
pub struct PageRequest {
    /// The template's name.
    pub template: String,
    /// The attributes that the page's handler gives.
    pub context: Context,
    /// The request's method. A `HEAD` gets the status without a body.
    pub method: Method,
    /// The visitor, and where fragments come from.
    pub visitor: PageVisitor,
    /// The nonce that the page's content security policy names, where it does not allow the site's own scripts.
    pub script_nonce: Option<ScriptNonce>,
    /// A fragment that the page does not fetch, since its answer is known. The response has `hydra-form: placed` if the page
    /// has a slot for it.
    pub prefilled: Option<Box<PrefilledSlot>>,
    /// The bar that tells the visitor which versions the page previews.
    pub preview: Option<PreviewBar>,
}

/// Whether a page uses sessions, as an extension of its response.
#[derive(Clone, Debug, Default)]
pub struct PageSessions {
    /// The owners of fragments that are still to come when the head leaves. They may begin sessions after that.
    pub(crate) open: PossibleOwners,
    /// Whether a fragment of the page gets a session of the visitor, or may get one.
    pub(crate) is_personal: bool,
    /// Whether the visitor has a login, and the page has a fragment, which gets it.
    pub(crate) gives_login: bool,
}

impl PageSessions {
    /// Whether the page may hold secrets of the visitor beside text of others, so that it must not be compressed.
    #[must_use]
    pub fn may_hold_secrets(&self) -> bool {
        self.is_personal || self.gives_login
    }
}

/// The response to `request`. It is returned when its status is decided, and all text is ready or `flush_after` has
/// passed.
pub(crate) async fn answer(engine: &Engine, mut request: PageRequest) -> Response {
    let start = Instant::now();
    request.visitor.caller.page = Some(Arc::from(request.template.as_str()));
    let kept = is_usual(&request).then(|| kept_page::text(engine, &request.template, &request.visitor));
    if let Some(text) = kept.flatten() {
        engine.shared().reporter.shown(&request.template, start.elapsed());
        return success(PageBody::Complete(text));
    }
    let prefilled = request.prefilled.take();
    let mut state = match render(engine, &request, prefilled) {
        Ok(state) => state,
        Err(error) => return failure(engine, &error),
    };
    let is_head = request.method == Method::HEAD;
    let PageRequest {
        template, visitor, ..
    } = request;
    let shown = |body: PageBody| {
        engine.shared().reporter.shown(&template, start.elapsed());
        success(body)
    };
    if is_head && !state.holds_head() {
        return shown(PageBody::Head);
    }
    // A page without fragments fetches nothing: without a driver, it takes a third less of our own instructions.
    if state.is_only_text() {
        let mut text = VecDeque::new();
        state.take_ready(&mut text);
        return shown(PageBody::Complete(text));
    }
    let known_to: BTreeSet<String> = visitor.sessions.keys().cloned().collect();
    let cookie_owners = visitor.cookie_owners.clone();
    let mut page = open(engine, state, visitor, start);
    // The head tells developers of all fragments.
    let waits = page
        .driver
        .caller
        .record
        .as_ref()
        .is_some_and(|record| record.is_for_developers());
    let flush_after = match waits {
        true => page.driver.end.saturating_duration_since(start),
        false => engine.shared().options.flush_after,
    };
    let first_flush = FirstFlush::new(start, flush_after);
    until_head(&mut page.driver, first_flush, is_head, &cookie_owners).await;
    if let Some(error) = page.driver.state.failure() {
        return failure(engine, error);
    }
    if is_head {
        return shown(PageBody::Head);
    }
    flush(page, &known_to, shown)
}

/// Whether nothing of the request changes the page, or wants to know more of it than its text.
fn is_usual(request: &PageRequest) -> bool {
    let record = request.visitor.caller.record.as_ref();
    request.method == Method::GET
        && request.prefilled.is_none()
        && request.preview.is_none()
        && request.visitor.sessions.is_empty()
        && !record.is_some_and(|record| record.has_details())
}

/// Renders the template of a page.
fn render(
    engine: &Engine,
    request: &PageRequest,
    prefilled: Option<Box<PrefilledSlot>>,
) -> Result<PageState, PageFailure> {
    // Most sites have no such fragments, and their pages need no random names.
    let may_come = engine.shared().plan.comes_after_page;
    let after_page = engine.after_page().filter(|_| may_come).cloned();
    let after_page = after_page.and_then(|after_page| Some((after_page, Token::random()?)));
    let delivery = after_page.map(|(after_page, token)| {
        let headers = &request.visitor.caller.headers;
        let nonce = request.script_nonce.clone();
        Box::new(Delivery::new(
            after_page,
            token,
            headers,
            nonce,
            SystemTime::now(),
        ))
    });
    let shared = engine.shared_arc();
    let state = PageState::new(shared, &request.template, &request.context, delivery, prefilled);
    let mut state = state.map_err(PageFailure::Render)?;
    if let Some(nonce) = &request.script_nonce {
        state.set_script_nonce(nonce.clone());
    }
    if let Some(bar) = &request.preview {
        state.add_at_end(bar.html());
    }
    match state.failure() {
        Some(error) => Err(error.clone()),
        None => Ok(state),
    }
}

/// A page that starts to fetch its fragments for `visitor`. The request came at `start`.
fn open(engine: &Engine, state: PageState, visitor: PageVisitor, start: Instant) -> Box<OpenPage> {
    let options = &engine.shared().options;
    let end = start + engine.budget(&visitor.caller);
    let sources = FragmentSources {
        local: visitor.local,
        remote: visitor.source,
    };
    let mut caller = visitor.caller;
    caller.call_chain.push(call_chain::page_step(&options.service));
    let mut driver = Driver::new(engine.clone(), state, sources, caller, visitor.sessions, end);
    match options.deferred_grace {
        Duration::ZERO => driver.state.end_grace(),
        grace => driver.grace = Some(start + grace),
    }
    Box::new(OpenPage {
        driver,
        on_sessions: visitor.on_sessions,
    })
}

/// The response whose head leaves now. The visitor has a session at the services `known_to`.
fn flush(
    mut page: Box<OpenPage>,
    known_to: &BTreeSet<String>,
    shown: impl FnOnce(PageBody) -> Response,
) -> Response {
    page.driver.state.head_leaves();
    let preload = assets::preload(page.driver.state.assets());
    page.driver.collect();
    let state = &page.driver.state;
    let has_prefilled = state.has_prefilled();
    let sessions = PageSessions {
        open: state.still_open(),
        is_personal: !known_to.is_empty() && state.is_of_some(|service| known_to.contains(service)),
        gives_login: login(&page.driver.caller.headers).is_some() && state.is_of_some(|_| true),
    };
    let mut head = HeaderMap::new();
    page.driver.sessions.write_cookies(&mut head);
    let mut response = shown(match page.driver.is_done() {
        true => PageBody::Complete(std::mem::take(&mut page.driver.ready)),
        false => PageBody::Open(page),
    });
    if sessions.may_hold_secrets() || sessions.open != PossibleOwners::default() {
        response.extensions_mut().insert(sessions);
    }
    response.headers_mut().extend(head);
    response
        .headers_mut()
        .extend(preload.map(|preload| (LINK, preload)));
    if has_prefilled {
        response.headers_mut().insert(HYDRA_FORM, FORM_PLACED);
    }
    response
}

fn success(body: PageBody) -> Response {
    let mut response = Response::new(Body::new(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}
