//! Fragments for the pages of other processes.

use std::collections::HashMap;

use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use http::{HeaderMap, StatusCode};
use hydra_runtime_net::{bodies::read_json, fragment_source::Caller, limits::MAX_BATCH_BYTES};
use hydra_runtime_wire::{FragmentsRequest, RenderedFragment, ResolvedFragment};

use super::{
    PathKey, admit,
    caller::CallOrigin,
    response_budget::{ResponseBudget, json_length},
};
use crate::{Gateway, api::responses::refused, dispatch, limits::MAX_PROTOCOL_1_ANSWER_BYTES};

/// `POST /h/discovery/{K}/requestFragment`
pub(crate) async fn request_fragment(
    State(gateway): State<Gateway>,
    key: PathKey,
    called_from: CallOrigin,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = match admit(&gateway, &key, &headers, body, MAX_BATCH_BYTES).await {
        Ok(call) => call.body,
        Err(response) => return response,
    };
    let batch: FragmentsRequest = match read_json(&body) {
        Ok(batch) => batch,
        Err(reason) => return refused(StatusCode::BAD_REQUEST, &reason),
    };
    let is_protocol_1 = batch.protocol.is_none_or(|protocol| protocol < 2);
    let ids: Vec<String> = batch
        .requests
        .0
        .iter()
        .flat_map(|(_, items)| items.iter().map(|item| item.id.clone()))
        .collect();
    let caller = Caller {
        headers,
        from: called_from.address,
        ..Caller::default()
    };
    let mut parts = dispatch::dispatch(&gateway, batch, &caller);
    let mut budget = ResponseBudget::new();
    while let Some(part) = parts.next().await {
        budget.add(part);
    }
    let mut answer = budget.into_response_body();
    in_order(&mut answer.fragments, &ids);
    if is_protocol_1 {
        Json(protocol_1(answer.fragments)).into_response()
    } else {
        Json(answer).into_response()
    }
}

/// Sorts the fragments into the order in which they were requested.
fn in_order(fragments: &mut [ResolvedFragment], ids: &[String]) {
    let places: HashMap<&str, usize> = ids
        .iter()
        .enumerate()
        .rev()
        .map(|(at, id)| (id.as_str(), at))
        .collect();
    fragments.sort_by_key(|fragment| places.get(fragment.id.as_str()).copied().unwrap_or(usize::MAX));
}

/// The answer of protocol 1. HTML that does not fit into the client's buffer becomes null, and the client shows its
/// fallback there.
fn protocol_1(fragments: Vec<ResolvedFragment>) -> Vec<RenderedFragment> {
    let mut left = MAX_PROTOCOL_1_ANSWER_BYTES - 2;
    // Each item must fit without its HTML in any case.
    for fragment in &fragments {
        left = left.saturating_sub(json_length(&fragment.id) + r#"{"renderedHTML":null,"id":},"#.len());
    }
    let mut without_room = 0_usize;
    let fit = |fragment: ResolvedFragment| {
        let html = fragment
            .html
            .filter(|html| match left.checked_sub(json_length(html)) {
                Some(rest) => {
                    left = rest;
                    true
                }
                None => {
                    without_room += 1;
                    false
                }
            });
        RenderedFragment {
            html,
            id: fragment.id,
        }
    };
    let answer = fragments.into_iter().map(fit).collect();
    if without_room > 0 {
        tracing::warn!(
            count = without_room,
            "a protocol 1 client has no room for fragments"
        );
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_1_answer_never_outgrows_its_client() {
        let html = |size: usize| Some("\"".repeat(size));
        let fragment = |id: &str, html| ResolvedFragment {
            id: id.into(),
            html,
            ..ResolvedFragment::default()
        };
        let answer = protocol_1(vec![
            fragment("a", html(100)),
            fragment("b", html(200_000)),
            fragment("c", html(130_900)),
            fragment("d", None),
        ]);
        assert!(serde_json::to_vec(&answer).expect("JSON").len() <= MAX_PROTOCOL_1_ANSWER_BYTES);
        let has_html: Vec<_> = answer.iter().map(|one| one.html.is_some()).collect();
        assert_eq!(has_html, [true, false, true, false]);
    }

    #[test]
    fn answers_come_in_the_order_of_the_questions() {
        let fragment = |id: &str| ResolvedFragment {
            id: id.into(),
            ..ResolvedFragment::default()
        };
        let mut fragments = [fragment("b"), fragment("c"), fragment("a")];
        in_order(&mut fragments, &["a".into(), "b".into(), "c".into()]);
        assert_eq!(fragments.map(|one| one.id), ["a", "b", "c"]);
    }
}
