//! Watches requests, from their heads to the ends of their answers.

use std::{
    future::Future,
    sync::Arc,
    time::{Instant, SystemTime},
};

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderValue, Method, Request, StatusCode,
    header::{CACHE_CONTROL, HOST, LOCATION, SET_COOKIE},
};

use super::{
    access_log::{AccessLog, Head},
    body::{Listeners, LoggedBody},
    current,
    debug::{self, DebugKey, QUERY_NAME},
    ids,
    otlp::SpanExport,
    record::RequestRecord,
    requests::RequestMetrics,
    settings::{AccessLogTarget, Otlp, Share},
    trace::TraceContext,
};
use crate::proxies::TrustedProxies;

/// How requests are observed.
#[derive(Clone, Debug)]
pub struct ObserverConfig<'c> {
    /// The proxies whose ids are continued.
    pub proxies: TrustedProxies,
    /// Of the traces that begin in this process, the share that is marked as sampled.
    pub sample: Share,
    /// Where the access log goes.
    pub access_log: &'c AccessLogTarget,
    /// Where spans go. `None`: nowhere.
    pub otlp: Option<Otlp<'c>>,
    /// Whether all responses have headers for developers.
    pub debug_headers: bool,
    /// The key of links for developers. Without it, there are none.
    pub private_key: Option<&'c str>,
}

/// Watches the requests of one process. Clones are the same.
#[derive(Clone, Debug)]
pub struct Observer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    proxies: TrustedProxies,
    requests: RequestMetrics,
    sample: Share,
    listeners: Arc<Listeners>,
    debug_headers: bool,
    debug_key: Option<DebugKey>,
}

/// Whose ids are continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// A visitor, who may come through a trusted proxy: only that is believed.
    Visitor,
    /// A service.
    Service,
}

impl Observer {
    /// An observer.
    ///
    /// # Errors
    /// The access log can't be written, or the address of the collector can't be used.
    pub fn new(config: ObserverConfig<'_>) -> Result<Self, String> {
        Ok(Self(Arc::new(Inner {
            proxies: config.proxies,
            requests: RequestMetrics::default(),
            sample: config.sample,
            listeners: Arc::new(Listeners {
                log: AccessLog::open(config.access_log)?,
                spans: SpanExport::open(config.otlp)?,
            }),
            debug_headers: config.debug_headers,
            debug_key: config.private_key.map(DebugKey::new),
        })))
    }

    /// Answers a visitor's request with `answer`. Ids and traces of trusted proxies are continued, others begin here.
    /// A request that is watched already is only answered.
    pub fn visitor<F>(
        &self,
        request: Request<Body>,
        answer: impl FnOnce(Request<Body>) -> F,
    ) -> impl Future<Output = Response>
    where
        F: Future<Output = Response>,
    {
        self.watch(request, Caller::Visitor, answer)
    }

    /// The same for a call of a service, whose ids are continued: it works for a request that another process watches.
    pub fn call<F>(
        &self,
        request: Request<Body>,
        answer: impl FnOnce(Request<Body>) -> F,
    ) -> impl Future<Output = Response>
    where
        F: Future<Output = Response>,
    {
        self.watch(request, Caller::Service, answer)
    }

    async fn watch<F>(
        &self,
        mut request: Request<Body>,
        caller: Caller,
        answer: impl FnOnce(Request<Body>) -> F,
    ) -> Response
    where
        F: Future<Output = Response>,
    {
        if request.extensions().get::<Arc<RequestRecord>>().is_some() {
            return answer(request).await;
        }
        let began = Instant::now();
        if let Some(redirect) = self.debug_visit(&request) {
            return redirect;
        }
        let inner = &*self.0;
        let is_debugger = caller == Caller::Visitor && self.is_debugger(&request);
        let is_debug = is_debugger || (inner.debug_headers && caller == Caller::Visitor);
        let trace = self.trace(&request, caller);
        trace.write_to(request.headers_mut());
        let is_heard = inner.listeners.hear_of(trace.is_sampled());
        let record = RequestRecord::new(trace, began, is_debug || is_heard);
        let record = Arc::new(if is_debug { record.for_developers() } else { record });
        request.extensions_mut().insert(Arc::clone(&record));
        let head = is_heard.then(|| self.head(&request));
        let mut response = current::scope(Arc::clone(&record), answer(request)).await;
        let first_byte = began.elapsed();
        inner
            .requests
            .count(record.service(), response.status(), first_byte);
        if is_debug {
            debug::tell(response.headers_mut(), &record, first_byte, is_debugger);
        }
        let Some(mut head) = head else {
            return response;
        };
        head.status = response.status().as_u16();
        head.first_byte = first_byte;
        let listeners = Arc::clone(&inner.listeners);
        response.map(|body| Body::new(LoggedBody::new(body, listeners, head, record)))
    }

    /// Whether the visitor of this request opened a link for developers.
    fn is_debugger(&self, request: &Request<Body>) -> bool {
        let key = self.0.debug_key.as_ref();
        key.is_some_and(|key| key.is_in(request.headers(), SystemTime::now()))
    }

    /// The answer to a visitor who opens a link for developers.
    fn debug_visit(&self, request: &Request<Body>) -> Option<Response> {
        let key = self.0.debug_key.as_ref()?;
        let query = request.uri().query()?;
        if *request.method() != Method::GET || !query.contains(QUERY_NAME) {
            return None;
        }
        let origin = self.0.proxies.origin_of(request.extensions(), request.headers());
        let (location, cookie) = key.visit(request.uri(), SystemTime::now(), origin.is_secure())?;
        let no_store = HeaderValue::from_static("no-store");
        let headers = [
            (LOCATION, location),
            (SET_COOKIE, cookie),
            (CACHE_CONTROL, no_store),
        ];
        Some((StatusCode::SEE_OTHER, headers).into_response())
    }

    /// What the access log and spans say of a request. The answer is not known yet.
    fn head(&self, request: &Request<Body>) -> Head {
        let origin = self.0.proxies.origin_of(request.extensions(), request.headers());
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        let header = || request.headers().get(HOST)?.to_str().ok();
        Head {
            at: SystemTime::now(),
            client: origin.address,
            method: request.method().clone(),
            host: authority.or_else(header).unwrap_or_default().to_owned(),
            path: request.uri().path().to_owned(),
            status: 0,
            first_byte: Default::default(),
        }
    }

    fn trace(&self, request: &Request<Body>, caller: Caller) -> TraceContext {
        let trace = (u128::from(ids::random()) << 64) | u128::from(ids::random());
        let span = ids::random();
        let is_sampled = self.0.sample.holds(ids::random());
        let is_trusted = || self.0.proxies.trusts_peer_of(request.extensions());
        if caller == Caller::Service || is_trusted() {
            TraceContext::of(request.headers(), trace, span, is_sampled)
        } else {
            TraceContext::begin(trace, span, is_sampled)
        }
    }
}
