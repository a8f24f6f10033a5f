//! One GET of a fragment of a plain HTTP service (protocol section 8).

pub(crate) mod content;
mod exports;

use std::{
    fmt::Write,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        ACCEPT, ACCEPT_ENCODING, AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, DATE, EXPIRES,
        SET_COOKIE, VARY,
    },
    uri::PathAndQuery,
};
use hydra_runtime_net::observe::trace::{TRACEPARENT, TRACESTATE, X_REQUEST_ID};
use hydra_runtime_wire::{
    Attributes, Outcome, ResolvedFragment, ResolvedFragments, freshness, in_milliseconds,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::{sync::OwnedMutexGuard, time::timeout_at};

use super::{
    CallContext, PageVisitor,
    cache::FetchedFragment,
    call::{CallFailure, CallTarget, exchange},
    log,
    plan::{PlainCall, missing},
    reply::{self, RequestedFragment},
};
use crate::{
    Gateway,
    limits::MAX_ANSWER_BYTES,
    plain_cookies::ServiceCookies,
    routing::snapshot::Service,
    upstream::{Answer, CallRequest},
};

const DEADLINE: HeaderName = HeaderName::from_static("hydra-deadline-ms");
/// The headers that differ between our requests for one fragment.
const DIFFERING: [HeaderName; 4] = [DEADLINE, X_REQUEST_ID, TRACEPARENT, TRACESTATE];
/// The headers of an answer that this module reads.
static READ: [HeaderName; 9] = [
    exports::EXPORTS,
    CACHE_CONTROL,
    VARY,
    AGE,
    DATE,
    EXPIRES,
    CONTENT_TYPE,
    CONTENT_ENCODING,
    SET_COOKIE,
];
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The fragment from the cache, if the cache holds it at the time `now`.
pub(super) fn cached(
    gateway: &Gateway,
    job: &PlainCall,
    context: &CallContext,
    now: Instant,
) -> Option<ResolvedFragment> {
    if !may_be_cached(gateway, &job.service, &context.visitor) {
        return None;
    }
    let snapshot = gateway.publisher().snapshot();
    let host = visitors_host(snapshot.service(&job.service)?, &context.visitor);
    let key = || cache_key(&job.service, host, &job.path, job.item.attributes.as_ref());
    let Some(kept) = gateway.cache().get(key, now) else {
        gateway.cache().missed();
        return None;
    };
    gateway.cache().hit(1);
    let fragment = FetchedFragment {
        html: String::from_utf8(kept.html.into()).ok()?,
        exports: kept.exports,
        max_age: Some(kept.max_age),
    };
    Some(answer(job, job.item.id.clone(), fragment, Outcome::Cached))
}

/// Fetches one fragment from its service.
pub(super) async fn get(
    gateway: Gateway,
    mut job: PlainCall,
    context: Arc<CallContext>,
) -> ResolvedFragments {
    let fetched = fetch(&gateway, &job, &context).await;
    let id = std::mem::take(&mut job.item.id);
    let (fragment, cookies) = match fetched {
        Ok((fetched, cookies)) => (answer(&job, id, fetched, Outcome::Rendered), cookies),
        Err(CallFailure { outcome, reason, .. }) => {
            let fragment = missing(id, outcome, reason);
            log::line(&job.service, &job.item.reference, &fragment);
            (fragment, None)
        }
    };
    ResolvedFragments {
        fragments: vec![fragment],
        cookies: cookies.into_iter().collect(),
        ..ResolvedFragments::default()
    }
}

fn answer(job: &PlainCall, id: String, fetched: FetchedFragment, outcome: Outcome) -> ResolvedFragment {
    ResolvedFragment {
        html: Some(fetched.html),
        exports: match fetched.exports.is_empty() {
            true => Attributes::new(),
            false => reply::kept_exports(fetched.exports, &job.service, &RequestedFragment::of(&job.item)),
        },
        id,
        outcome,
        reason: None,
        max_age: fetched.max_age.map(in_milliseconds),
        // The protocol has no member for them: a plain service links its style sheets in its HTML.
        assets: Vec::new(),
    }
}

/// Whether the cache is for this visitor: what it holds is of the versions of ordinary visitors, and for them. Who has just sent a form
/// expects to see what it has changed. A service that
/// hears who the visitor is, or has cookies of the visitor, answers for this one.
pub(super) fn may_be_cached(gateway: &Gateway, service: &str, visitor: &PageVisitor) -> bool {
    !visitor.has_sent_form
        && visitor.previews.version_of(service).is_none()
        && gateway.identities().of(service).is_none()
        && gateway.plain_cookies().of(service).is_none()
}

/// The host is all that a plain service learns about a visitor, so its answer is for all visitors who requested the
/// same host.
pub(super) fn cache_key(
    service: &str,
    host: Option<&HeaderValue>,
    path: &str,
    imports: Option<&Attributes>,
) -> String {
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let mut key = String::with_capacity(service.len() + host.len() + path.len() + 2);
    for part in [service, "\n", host, "\n"] {
        key.push_str(part);
    }
    write_target(&mut key, path, imports);
    key
}

/// The fragment, and what it sets in the visitor's cookies, encrypted. A service that has no cookies sets nothing.
async fn fetch(
    gateway: &Gateway,
    job: &PlainCall,
    context: &CallContext,
) -> Result<(FetchedFragment, Option<String>), CallFailure> {
    let path = PathAndQuery::try_from(target(&job.path, job.item.attributes.as_ref()))
        .map_err(|_| CallFailure::failed("the path and its imports make no URL"))?;
    let snapshot = gateway.publisher().snapshot();
    let found = snapshot.service(&job.service);
    let host = found.and_then(|service| visitors_host(service, &context.visitor));
    let until = deadline(job, context);
    let cookies = gateway.plain_cookies().of(&job.service);
    let _turn = match cookies {
        Some(own) => turn(job, own, context, until).await?,
        None => None,
    };
    let now = Instant::now();
    let timeout = until.saturating_duration_since(now);
    let call_target = CallTarget {
        service: &job.service,
        protocol: &job.fragment_protocol,
        only: None,
        context,
    };
    let mut call_request = call_request(path, host, timeout);
    call_request.pipelines = context.pipelines.as_ref();
    call_request.headers.extend(context.trace_headers());
    let identity = gateway.identity_headers(&job.service, context.cookies.as_ref());
    let is_personal = identity.is_some() || cookies.is_some();
    call_request.headers.extend(identity.into_iter().flatten());
    let own = cookies.and_then(|own| context.jar.for_service(own));
    call_request.headers.extend(own.map(|own| (COOKIE, own)));
    let (answer, _) = exchange(gateway, call_target, timeout, &call_request).await?;
    let set = match cookies {
        Some(own) => Some(set_cookies(gateway, own, &answer, context)?),
        None => None,
    };
    // What shared its connection with other requests may belong to another one of them, if the service is wrong.
    let is_personal = is_personal || !answer.may_keep;
    let mut fetched = read(job, answer, SystemTime::now(), now.elapsed())?;
    if is_personal {
        // Nor may the page that asked keep it.
        fetched.max_age = Some(Duration::ZERO);
    }
    if may_be_cached(gateway, &job.service, &context.visitor) {
        let key = || cache_key(&job.service, host, &job.path, job.item.attributes.as_ref());
        gateway.cache().put(key, &fetched, Instant::now());
    }
    Ok((fetched, set))
}

/// When the fragment must be there.
fn deadline(job: &PlainCall, context: &CallContext) -> Instant {
    let own = job.item.deadline.map(Duration::from_millis);
    let own = own.and_then(|own| Instant::now().checked_add(own));
    own.map_or(context.until, |own| own.min(context.until))
}

/// Waits until the fragment may be requested.
async fn turn(
    job: &PlainCall,
    own: &ServiceCookies,
    context: &CallContext,
    until: Instant,
) -> Result<Option<OwnedMutexGuard<()>>, CallFailure> {
    let turn = context.jar.turn(&job.service, own);
    let late = "another fragment of the service, whose cookies this one needs, took too long";
    timeout_at(until.into(), turn)
        .await
        .map_err(|_| CallFailure::new(Outcome::Late, late))
}

/// Takes what an answer sets in the visitor's cookies for the next fragments, and encrypts it for the visitor.
fn set_cookies(
    gateway: &Gateway,
    own: &ServiceCookies,
    answer: &Answer,
    context: &CallContext,
) -> Result<String, CallFailure> {
    let sets = own.all_renamed(answer.headers.get_all(SET_COOKIE).iter());
    context.jar.apply(&sets);
    let closed = gateway.close_cookies(&sets);
    closed.ok_or_else(|| CallFailure::failed("its cookies can't be encrypted"))
}

/// The visitor's host, if an instance of the service gets it.
pub(super) fn visitors_host<'v>(service: &Service, visitor: &'v PageVisitor) -> Option<&'v HeaderValue> {
    let host = visitor.host.as_ref()?;
    let mut instances = service.active.iter();
    let gets_it = instances.any(|instance| instance.address.host_rule.is_visitors());
    gets_it.then_some(host)
}

/// Reads an answer that arrived at `now`, `delay` after its request.
fn read(
    job: &PlainCall,
    answer: Answer,
    now: SystemTime,
    delay: Duration,
) -> Result<FetchedFragment, CallFailure> {
    let html = content::html(answer.status, &answer.headers, answer.body, MAX_ANSWER_BYTES);
    Ok(FetchedFragment {
        html: html.map_err(CallFailure::failed)?,
        exports: exports::exports(&answer.headers).unwrap_or_else(|reason| {
            let (service, path) = (&job.service, &job.path);
            tracing::warn!(
                service,
                path,
                reason,
                "the header `hydra-exports` can't be read: its exports are lost"
            );
            Attributes::new()
        }),
        max_age: max_age(&answer.headers, now, delay),
    })
}

fn call_request(
    target: PathAndQuery,
    visitors_host: Option<&HeaderValue>,
    timeout: Duration,
) -> CallRequest<'_> {
    CallRequest {
        method: Method::GET,
        target,
        visitors_host,
        headers: {
            // With room for the headers of the trace.
            let mut headers = Vec::with_capacity(6);
            headers.extend([
                (ACCEPT, HeaderValue::from_static("text/html")),
                (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
                (DEADLINE, number(in_milliseconds(timeout))),
            ]);
            headers
        },
        body: &[],
        wanted: &READ,
        limit: MAX_ANSWER_BYTES,
        repeated: None,
        pipelines: None,
    }
}

/// The number in one allocation; `HeaderValue::from` takes two.
fn number(number: u64) -> HeaderValue {
    let mut text = String::with_capacity(number.checked_ilog10().map_or(1, |log| log as usize + 1));
    // Writing to a string never fails.
    let _ = write!(text, "{number}");
    let text = Bytes::from(text);
    HeaderValue::from_maybe_shared(text).unwrap_or_else(|_| HeaderValue::from(number))
}

/// The path with the imports as its query: scalars as text, other values as JSON.
fn target(path: &str, imports: Option<&Attributes>) -> String {
    let mut target = String::with_capacity(path.len());
    write_target(&mut target, path, imports);
    target
}

fn write_target(target: &mut String, path: &str, imports: Option<&Attributes>) {
    target.push_str(path);
    let mut separator = if path.contains('?') { '&' } else { '?' };
    for (name, value) in imports.into_iter().flatten() {
        let value = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        target.push(separator);
        target.extend(utf8_percent_encode(name, IN_QUERY));
        target.push('=');
        target.extend(utf8_percent_encode(&value, IN_QUERY));
        separator = '&';
    }
}

/// How long the answer may be kept. An answer that varies by a header which differs between our requests can't be
/// kept (RFC 9111 section 4.1). All other headers have one value or none, and the key contains the host and the
/// target.
fn max_age(headers: &HeaderMap, now: SystemTime, delay: Duration) -> Option<Duration> {
    let mut varies = headers
        .get_all(VARY)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("*").split(','))
        .map(str::trim);
    let differs = |name: &str| {
        let mut differing = DIFFERING.into_iter();
        name == "*" || differing.any(|other| name.eq_ignore_ascii_case(other.as_str()))
    };
    if varies.any(differs) {
        return Some(Duration::ZERO);
    }
    freshness::left(headers, now, delay)
}

#[cfg(test)]
mod tests {
    use http::header::CACHE_CONTROL;
    use serde_json::json;

    use super::*;

    #[test]
    fn imports_become_the_query() {
        let imports = json!({"a":"x y&z","b":7,"c":true,"d":null,"e":{"k":[1]},"é":"ü"});
        assert_eq!(
            target("/p", imports.as_object()),
            "/p?a=x%20y%26z&b=7&c=true&e=%7B%22k%22%3A%5B1%5D%7D&%C3%A9=%C3%BC"
        );
        assert_eq!(target("/p?q=1", json!({"a":1}).as_object()), "/p?q=1&a=1");
        assert_eq!(target("/p", None), "/p");
    }

    #[test]
    fn an_answer_that_varies_by_what_differs_between_requests_is_not_kept() {
        for (vary, expected) in [
            (&[] as &[&[u8]], 30),
            (&[b"Accept-Encoding, Cookie"], 30),
            (&[b"Accept", b"Accept-Language"], 30),
            (&[b""], 30),
            (&[b"*"], 0),
            (&[b"accept", b"*"], 0),
            (&[b"accept, Hydra-Deadline-Ms"], 0),
            (&[b"accept", b"hydra-deadline-ms "], 0),
            (&[b"X-Request-Id"], 0),
            (&[b"accept, traceparent"], 0),
            (&[b"tracestate"], 0),
            (&[b"\xff"], 0),
        ] {
            let mut headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static("max-age=30"))]);
            for value in vary {
                headers.append(VARY, HeaderValue::from_bytes(value).expect("a value"));
            }
            let came = max_age(&headers, SystemTime::UNIX_EPOCH, Duration::ZERO);
            assert_eq!(came, Some(Duration::from_secs(expected)), "{vary:?}");
        }
    }
}
