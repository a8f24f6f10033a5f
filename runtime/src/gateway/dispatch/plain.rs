//! One GET of a fragment of a plain HTTP service (protocol section 8).

use std::time::{Duration, Instant};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{ACCEPT, CACHE_CONTROL, VARY},
    uri::PathAndQuery,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{
    Errand,
    call::{Failure, MAX_ANSWER, exchange},
    plan::{Plain, missing},
    reply::{self, Asked},
};
use crate::{
    cache_control,
    gateway::{Gateway, cache, upstream::Ask},
    wire::{Attributes, Outcome, ResolvedFragment, ResolvedFragments, in_milliseconds},
};

const DEADLINE: HeaderName = HeaderName::from_static("hydra-deadline-ms");
const EXPORTS: HeaderName = HeaderName::from_static("hydra-exports");
/// The headers of an answer that are read here.
static READ: [HeaderName; 3] = [EXPORTS, CACHE_CONTROL, VARY];
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Fetches one fragment, or takes it from the cache.
pub(super) async fn get(gateway: Gateway, job: Plain, errand: Errand) -> ResolvedFragments {
    let asked = Asked::of(&job.item);
    let fragment = match fetch(&gateway, &job, &errand).await {
        Ok((kept, outcome)) => ResolvedFragment {
            id: job.item.id,
            html: Some(kept.html),
            exports: reply::kept_exports(kept.exports, &job.service, &asked),
            outcome,
            reason: None,
            max_age: kept.max_age.map(in_milliseconds),
            // The protocol has no place for them: such a service links its own in its HTML.
            assets: Vec::new(),
        },
        Err(Failure(outcome, reason)) => {
            tracing::warn!(
                service = job.service,
                path = job.path,
                ?outcome,
                reason,
                "no fragment"
            );
            missing(job.item.id, outcome, reason)
        }
    };
    ResolvedFragments {
        fragments: vec![fragment],
        ..ResolvedFragments::default()
    }
}

async fn fetch(gateway: &Gateway, job: &Plain, errand: &Errand) -> Result<(cache::Kept, Outcome), Failure> {
    let target = target(&job.path, job.item.attributes.as_ref());
    let path: PathAndQuery = target
        .parse()
        .map_err(|_| Failure::failed("the path and its imports make no URL"))?;
    let now = Instant::now();
    // Such a service learns nothing about the visitor, so that its answer is for all.
    let key = format!("{}\n{target}", job.service);
    if let Some(kept) = gateway.cache().get(&key, now) {
        return Ok((kept, Outcome::Cached));
    }
    let left = errand.until.saturating_duration_since(now);
    let timeout = job
        .item
        .deadline
        .map_or(left, |own| left.min(Duration::from_millis(own)));
    let answer = exchange(
        gateway,
        (&job.service, &job.speaks, errand.seed),
        timeout,
        &ask(path, timeout),
    )
    .await?;
    if answer.status != StatusCode::OK {
        return Err(Failure::failed(format!("the service answered {}", answer.status)));
    }
    let kept = cache::Kept {
        html: text(answer.body)?,
        exports: exports(&answer.headers)?,
        max_age: max_age(&answer.headers),
    };
    gateway.cache().put(&key, kept.clone(), Instant::now());
    Ok((kept, Outcome::Rendered))
}

fn ask(target: PathAndQuery, timeout: Duration) -> Ask<'static> {
    Ask {
        method: Method::GET,
        target,
        headers: vec![
            (ACCEPT, HeaderValue::from_static("text/html")),
            (DEADLINE, HeaderValue::from(in_milliseconds(timeout))),
        ],
        body: &[],
        wanted: &READ,
        limit: MAX_ANSWER,
        repeated: None,
    }
}

/// The path with the imports as its query: scalars as text, the rest as JSON.
fn target(path: &str, imports: Option<&Attributes>) -> String {
    let mut target = path.to_owned();
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
    target
}

fn text(body: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(body).map_err(|_| Failure::failed("the answer is not UTF-8"))
}

fn exports(headers: &HeaderMap) -> Result<Attributes, Failure> {
    match headers.get(EXPORTS) {
        None => Ok(Attributes::new()),
        Some(value) => serde_json::from_slice(value.as_bytes())
            .map_err(|_| Failure::failed("the header `hydra-exports` is not one JSON object")),
    }
}

/// How long the answer may be kept. What varies by a header that is not the same in all our requests can't be.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let mut varies = headers
        .get_all(VARY)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("*").split(','))
        .map(str::trim);
    if varies.any(|name| name == "*" || name.eq_ignore_ascii_case(DEADLINE.as_str())) {
        return Some(Duration::ZERO);
    }
    cache_control::max_age(headers)
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
            (None, Some(30)),
            (Some("Accept-Encoding, Cookie"), Some(30)),
            (Some("*"), Some(0)),
            (Some("accept, Hydra-Deadline-Ms"), Some(0)),
        ] {
            let mut headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static("max-age=30"))]);
            headers.extend(vary.map(|vary| (VARY, HeaderValue::from_static(vary))));
            assert_eq!(max_age(&headers), expected.map(Duration::from_secs), "{vary:?}");
        }
    }

    #[test]
    fn exports_are_one_object() {
        let headers =
            |value: &'static str| HeaderMap::from_iter([(EXPORTS, HeaderValue::from_static(value))]);
        assert_eq!(
            exports(&headers(r#"{"a":1}"#)).map(|exports| exports.len()),
            Ok(1)
        );
        assert!(exports(&headers("[1]")).is_err());
        assert!(exports(&headers("{")).is_err());
        assert_eq!(exports(&HeaderMap::new()).map(|exports| exports.len()), Ok(0));
    }
}
