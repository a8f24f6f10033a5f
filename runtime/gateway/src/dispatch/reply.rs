//! Checks a service's answer against the request (protocol sections 2 and 6).
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use http::StatusCode;
use hydra_runtime_wire::{
    Attributes, FragmentRequest, Outcome, RenderedFragment, ResolvedFragment, ResolvedFragments, keep_good,
    lines::cut,
};

use super::{log, plan::missing};

/// The reason for a fragment that an answer does not contain.
pub(super) const ABSENT: &str = "the answer lacks it";

/// One requested fragment, as far as checking its answer needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestedFragment {
    pub(super) id: String,
    /// The fragment's name, for the log.
    pub(super) reference: String,
    /// The exports that the tag names, under the fragment's own names.
    exports: Vec<String>,
}

impl RequestedFragment {
    pub(super) fn of(item: &FragmentRequest) -> Self {
        // `addressLine2 as address`: the first word is the fragment's name for it.
        let exports = item
            .exports
            .iter()
            .filter_map(|text| text.split_whitespace().next())
            .map(str::to_owned);
        Self {
            id: item.id.clone(),
            reference: cut(&item.reference).to_owned(),
            exports: exports.collect(),
        }
    }

    /// A fragment of which a page wants these exports, under the fragment's own names.
    pub(super) fn with_exports(reference: &str, exports: &[Arc<str>]) -> Self {
        Self {
            id: String::new(),
            reference: cut(reference).to_owned(),
            exports: exports.iter().map(|name| name.to_string()).collect(),
        }
    }
}

/// The answer in which no fragment succeeded.
pub(super) fn all(asked: &[RequestedFragment], outcome: Outcome, reason: &str) -> ResolvedFragments {
    let fragments = asked
        .iter()
        .map(|one| missing(one.id.clone(), outcome, reason))
        .collect();
    ResolvedFragments {
        fragments,
        ..ResolvedFragments::default()
    }
}

/// The reason for a status that is not a success.
pub(super) fn status(status: StatusCode) -> String {
    format!("the service answered {status}")
}

/// Logs the fragments of one call that failed, which are in the order of `requested`.
pub(super) fn log_failed(service: &str, requested: &[RequestedFragment], fragments: &[ResolvedFragment]) {
    let references = requested.iter().map(|one| one.reference.as_str());
    log::failed(service, references.zip(fragments));
}

/// Reads an answer of either protocol. The result has each requested id exactly once, and no other.
pub(super) fn read(body: &[u8], service: &str, asked: &[RequestedFragment]) -> ResolvedFragments {
    match parse(body, service) {
        Ok(answer) => {
            let (mut answer, absent) = matched(answer, service, asked);
            let absent: Vec<_> = absent
                .into_iter()
                .map(|id| missing(id, Outcome::Failed, ABSENT))
                .collect();
            let names = |fragment: &ResolvedFragment| asked.iter().find(|one| one.id == fragment.id);
            let requested: Vec<_> = absent.iter().filter_map(names).cloned().collect();
            log_failed(service, &requested, &absent);
            answer.fragments.extend(absent);
            answer
        }
        Err(reason) => {
            let answer = all(asked, Outcome::Failed, reason);
            log_failed(service, asked, &answer.fragments);
            answer
        }
    }
}

/// Parses an answer of either protocol. The error is the reason in words.
pub(super) fn parse(body: &[u8], service: &str) -> Result<ResolvedFragments, &'static str> {
    let is_list = body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[');
    let answer = if is_list {
        serde_json::from_slice(body).map(joined)
    } else {
        serde_json::from_slice(body)
    };
    answer.map_err(|error| {
        // A wrong value is part of the message, and may be as long as the answer.
        let error = error.to_string();
        tracing::debug!(
            service,
            error = cut(&error),
            "a service's fragments cannot be read"
        );
        "the answer cannot be read"
    })
}

/// Drops the exports that the fragment's tag does not name.
pub(super) fn kept_exports(exports: Attributes, service: &str, asked: &RequestedFragment) -> Attributes {
    if exports.is_empty() {
        return exports;
    }
    let wanted: HashSet<&str> = asked.exports.iter().map(String::as_str).collect();
    let (kept, dropped): (Attributes, Attributes) = exports
        .into_iter()
        .partition(|(name, _)| wanted.contains(name.as_str()));
    if !dropped.is_empty() {
        metrics::counter!("hydra_exports_dropped_total").increment(dropped.len() as u64);
        tracing::debug!(
            service,
            id = asked.id,
            count = dropped.len(),
            "exports that the tag does not name"
        );
    }
    kept
}

/// Protocol 1: the items with one id are parts of one fragment, in order.
fn joined(items: Vec<RenderedFragment>) -> ResolvedFragments {
    let mut fragments: Vec<ResolvedFragment> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for RenderedFragment { html, id } in items {
        let place = *places.entry(id.clone()).or_insert(fragments.len());
        match (fragments.get_mut(place), html) {
            (Some(known), Some(html)) => known.html.get_or_insert_default().push_str(&html),
            (Some(_), None) => {}
            (None, html) => fragments.push(ResolvedFragment {
                id,
                html,
                ..ResolvedFragment::default()
            }),
        }
    }
    ResolvedFragments {
        fragments,
        ..ResolvedFragments::default()
    }
}

/// Sorts an answer by what was requested: each fragment once, and the ids without any. What was not requested is
/// dropped.
pub(super) fn matched(
    mut answer: ResolvedFragments,
    service: &str,
    asked: &[RequestedFragment],
) -> (ResolvedFragments, Vec<String>) {
    let ids: HashSet<&str> = asked.iter().map(|one| one.id.as_str()).collect();
    let mut came: HashMap<String, ResolvedFragment> = HashMap::new();
    let mut strangers = 0_u64;
    for fragment in answer.fragments {
        if ids.contains(fragment.id.as_str()) {
            came.entry(fragment.id.clone()).or_insert(fragment);
        } else {
            strangers += 1;
        }
    }
    if strangers > 0 {
        metrics::counter!("hydra_fragments_unasked_total").increment(strangers);
        tracing::warn!(
            service,
            count = strangers,
            "a service sent fragments that were not requested"
        );
    }
    let (mut fragments, mut absent, mut without_html) =
        (Vec::with_capacity(asked.len()), Vec::new(), Vec::new());
    for one in asked {
        match came.remove(&one.id) {
            Some(fragment) => {
                let is_undecided = is_success(fragment.outcome) && fragment.html.is_none();
                let fragment = settled(fragment, service, one);
                // Any other outcome was decided by the service, which logs it.
                if is_undecided {
                    without_html.push((one, fragment.clone()));
                }
                fragments.push(fragment);
            }
            None => absent.push(one.id.clone()),
        }
    }
    log::failed(
        service,
        without_html
            .iter()
            .map(|(one, fragment)| (one.reference.as_str(), fragment)),
    );
    // A session belongs to one service: sessions of other services are ignored.
    let sessions = answer.sessions.remove_entry(service).into_iter().collect();
    let answer = ResolvedFragments {
        fragments,
        sessions,
        ..ResolvedFragments::default()
    };
    (answer, absent)
}

fn is_success(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Rendered | Outcome::Cached | Outcome::Stale)
}

/// Makes the outcome and the HTML agree.
fn settled(mut fragment: ResolvedFragment, service: &str, asked: &RequestedFragment) -> ResolvedFragment {
    let is_success = is_success(fragment.outcome);
    if is_success && fragment.html.is_none() {
        fragment.outcome = Outcome::Failed;
        fragment
            .reason
            .get_or_insert_with(|| "the service gave no HTML".to_owned());
    }
    if !is_success {
        fragment.html = None;
        fragment.assets.clear();
    }
    let dropped = keep_good(&mut fragment.assets);
    if dropped > 0 {
        metrics::counter!("hydra_assets_dropped_total").increment(dropped as u64);
        tracing::debug!(
            service,
            id = asked.id,
            count = dropped,
            "style sheets and scripts that no page may link"
        );
    }
    fragment.exports = kept_exports(fragment.exports, service, asked);
    fragment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(id: &str, exports: &[&str]) -> RequestedFragment {
        let exports = exports.iter().map(|&text| text.to_owned()).collect();
        RequestedFragment::of(&FragmentRequest {
            id: id.into(),
            exports,
            ..FragmentRequest::default()
        })
    }

    fn check(body: &str, expected: &[(&str, Option<&str>, Outcome)]) {
        let mut answer = read(body.as_bytes(), "orders", &[asked("a", &[]), asked("b", &[])]);
        answer.fragments.sort_by(|a, b| a.id.cmp(&b.id));
        let came: Vec<_> = answer
            .fragments
            .iter()
            .map(|one| (one.id.as_str(), one.html.as_deref(), one.outcome))
            .collect();
        assert_eq!(came, expected, "{body}");
    }

    #[test]
    fn answers_of_every_shape() {
        use Outcome::{Failed, Late, Rendered};
        let nothing = [("a", None, Failed), ("b", None, Failed)];
        for body in [
            "",
            "[",
            "{}",
            "[]",
            "null",
            "7",
            "\"x\"",
            "[1]",
            "[null]",
            "{\"fragments\":3}",
            "<html>",
            "[[]]",
        ] {
            check(body, &nothing);
        }
        check(&"[".repeat(100_000), &nothing);
        check(r#"[{"id":"x","renderedHTML":"<x>"}]"#, &nothing);
        check(
            r#" [{"id":"b","renderedHTML":"2"},{"id":"a","renderedHTML":"1"},{"id":"b","renderedHTML":"3"}]"#,
            &[("a", Some("1"), Rendered), ("b", Some("23"), Rendered)],
        );
        check(
            r#"[{"id":"a","renderedHTML":null},{"id":"b","renderedHTML":""}]"#,
            &[("a", None, Failed), ("b", Some(""), Rendered)],
        );
        check(
            r#"{"fragments":[{"id":"a","renderedHTML":"1"},{"id":"a","renderedHTML":"again"},
                {"id":"b","renderedHTML":"x","outcome":"late"}]}"#,
            &[("a", Some("1"), Rendered), ("b", None, Late)],
        );
    }

    #[test]
    fn only_assets_that_a_page_may_link_pass() {
        let many: Vec<_> = (0..10_000)
            .map(|n| format!(r#"{{"kind":"script","href":"/{n}.js"}}"#))
            .collect();
        let many = many.join(",");
        for (assets, expected) in [
            (
                r#"{"kind":"style","href":"/orders/a.css"},{"kind":"style","href":"javascript:x"}"#,
                1,
            ),
            (
                r#"{"kind":"icon","href":"/a.ico"},null,{"kind":"script","href":"https://cdn.example/\" onload=\"x"}"#,
                0,
            ),
            (&many, hydra_runtime_wire::limits::MAX_ASSETS_PER_FRAGMENT),
        ] {
            let body = format!(r#"{{"fragments":[{{"id":"a","renderedHTML":"1","assets":[{assets}]}}]}}"#);
            let answer = read(body.as_bytes(), "orders", &[asked("a", &[])]);
            assert_eq!(answer.fragments[0].html.as_deref(), Some("1"));
            assert_eq!(answer.fragments[0].assets.len(), expected);
        }
    }

    /// Each of them compared with each other would be forty thousand million steps.
    #[test]
    fn exports_without_number_are_each_looked_up() {
        let names: Vec<String> = (0..200_000).map(|n| format!("e{n}")).collect();
        let wanted: Vec<&str> = names.iter().skip(100_000).map(String::as_str).collect();
        let exports = names
            .iter()
            .map(|name| (name.clone(), serde_json::Value::Null))
            .collect();
        assert_eq!(
            kept_exports(exports, "orders", &asked("a", &wanted)).len(),
            100_000
        );
    }

    #[test]
    fn only_named_exports_and_the_own_session_pass() {
        let body = r#"{"fragments":[{"id":"a","renderedHTML":"1","exports":{"line2":"x","secret":1}}],
                       "sessions":{"orders":{"step":2},"other":{"stolen":true}}}"#;
        let answer = read(body.as_bytes(), "orders", &[asked("a", &["line2 as address"])]);
        assert_eq!(answer.fragments[0].exports.keys().collect::<Vec<_>>(), ["line2"]);
        assert_eq!(answer.sessions.keys().collect::<Vec<_>>(), ["orders"]);
    }
}
