//! Fragments of other services over a gateway of protocol 1 (protocol sections 1 and 6): one call for each set of
//! attributes, since such a gateway has one set for all items of a call.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

use hydra_runtime_wire::{
    Attributes, FragmentRequest, FragmentsRequest, OrderedMap, Outcome, RenderedFragment, ResolvedFragment,
    ResolvedFragments,
};
use serde::Serialize;

/// The body of a call. `attributes` is there even if it is empty.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    attributes: &'a Attributes,
    requests: &'a OrderedMap<Vec<FragmentRequest>>,
}

impl<'a> From<&'a FragmentsRequest> for Body<'a> {
    fn from(batch: &'a FragmentsRequest) -> Self {
        Self {
            attributes: &batch.attributes,
            requests: &batch.requests,
        }
    }
}

/// Splits a batch of protocol 2 into batches of protocol 1. Exports, sessions, deadlines and call chains do not cross.
pub(super) fn split(batch: FragmentsRequest) -> Vec<FragmentsRequest> {
    let hasher = RandomState::new();
    let mut by_hash: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut calls: Vec<FragmentsRequest> = Vec::new();
    for (service, items) in batch.requests.0 {
        for mut item in items {
            item.keep_imports();
            let attributes = item.attributes.take().unwrap_or_default();
            let places = by_hash.entry(hasher.hash_one(&attributes)).or_default();
            let known = places
                .iter()
                .find(|place| calls[**place].attributes == attributes);
            let place = known.copied().unwrap_or_else(|| {
                places.push(calls.len());
                calls.push(FragmentsRequest {
                    attributes: attributes.clone(),
                    ..FragmentsRequest::default()
                });
                calls.len() - 1
            });
            add(
                &mut calls[place].requests,
                &service,
                plain(item, &service, &attributes),
            );
        }
    }
    calls
}

/// An item with nothing but the members of protocol 1.
fn plain(item: FragmentRequest, service: &str, attributes: &Attributes) -> FragmentRequest {
    FragmentRequest {
        id: item.id,
        service: service.to_owned(),
        reference: item.reference,
        // The gateway and the owner take the attributes as they are: under the fragment's names.
        imports: Some(attributes.keys().cloned().collect()),
        fallback: Some(String::new()),
        ..FragmentRequest::default()
    }
}

/// Adds an item to those of its service. Items of one service stand one after the other.
fn add(requests: &mut OrderedMap<Vec<FragmentRequest>>, service: &str, item: FragmentRequest) {
    match requests.0.last_mut().filter(|(name, _)| name == service) {
        Some((_, items)) => items.push(item),
        None => requests.0.push((service.to_owned(), vec![item])),
    }
}

/// The fragments of an answer. Items with one id are parts of one fragment, in order.
pub(super) fn joined(answer: Vec<RenderedFragment>) -> ResolvedFragments {
    let mut fragments: Vec<ResolvedFragment> = Vec::with_capacity(answer.len());
    let mut places: HashMap<String, usize> = HashMap::new();
    for RenderedFragment { html, id } in answer {
        let place = *places.entry(id.clone()).or_insert(fragments.len());
        if place == fragments.len() {
            fragments.push(ResolvedFragment {
                id,
                outcome: Outcome::Failed,
                reason: Some(
                    "the gateway of protocol 1 gave no HTML, and such a gateway gives no reason".to_owned(),
                ),
                ..ResolvedFragment::default()
            });
        }
        if let Some(html) = html {
            let fragment = &mut fragments[place];
            (fragment.outcome, fragment.reason) = (Outcome::Rendered, None);
            fragment.html.get_or_insert_default().push_str(&html);
        }
    }
    ResolvedFragments {
        fragments,
        ..ResolvedFragments::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn items_with_equal_attributes_share_a_call_with_nothing_of_protocol_2() {
        let item = |id: &str, attributes: Value| {
            json!({"id": id, "ref": "f", "attributes": attributes, "imports": ["x.y as a", "b"],
                "exports": ["line as address"], "deadline": 5, "trail": ["shop"]})
        };
        let batch = json!({"protocol": 2, "sessions": {"orders": {"step": 1}}, "requests": {
            "orders": [item("1", json!({"a": 1, "secret": 2})), item("2", json!({"b": 2})), item("3", json!({"a": 1}))],
            "weather": [item("4", json!({"a": 1})), {"id": "5", "ref": "g"}],
        }});
        let calls = split(serde_json::from_value(batch).expect("a batch"));
        let plain = |id: &str, service: &str, reference: &str, imports: Value| json!({"id": id, "service": service, "ref": reference, "imports": imports, "exports": [], "fallback": ""});
        let first = |id: &str, service: &str| plain(id, service, "f", json!(["a"]));
        assert_eq!(
            json!(calls.iter().map(Body::from).collect::<Vec<_>>()),
            json!([
                {"attributes": {"a": 1}, "requests": {
                    "orders": [first("1", "orders"), first("3", "orders")], "weather": [first("4", "weather")]}},
                {"attributes": {"b": 2}, "requests": {"orders": [plain("2", "orders", "f", json!(["b"]))]}},
                {"attributes": {}, "requests": {"weather": [plain("5", "weather", "g", json!([]))]}},
            ])
        );
    }

    #[test]
    fn parts_of_a_fragment_are_joined_and_null_is_a_failure() {
        let part = |id: &str, html: Option<&str>| RenderedFragment {
            html: html.map(str::to_owned),
            id: id.to_owned(),
        };
        let answer = joined(vec![
            part("a", None),
            part("b", Some("1")),
            part("c", None),
            part("b", Some("2")),
            part("a", Some("3")),
        ]);
        let came: Vec<_> = answer
            .fragments
            .iter()
            .map(|one| {
                (
                    one.id.as_str(),
                    one.html.as_deref(),
                    one.outcome,
                    one.reason.is_some(),
                )
            })
            .collect();
        assert_eq!(
            came,
            [
                ("a", Some("3"), Outcome::Rendered, false),
                ("b", Some("12"), Outcome::Rendered, false),
                ("c", None, Outcome::Failed, true),
            ]
        );
    }
}
