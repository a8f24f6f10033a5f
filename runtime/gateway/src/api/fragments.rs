//! Fragments for the pages of other processes.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use http::{HeaderMap, StatusCode, request::Parts};
use hydra_runtime_net::{bodies::read_json, fragment_source::Caller, limits::MAX_BATCH_BYTES, observe};
use hydra_runtime_wire::{
    FragmentsRequest, Outcome, RenderedFragment, ResolvedFragment,
    lines::{self, cut},
};

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
    parts: Parts,
    body: Body,
) -> Response {
    match admit(&gateway, &key, called_from, &parts, body, MAX_BATCH_BYTES).await {
        Ok(call) => resolve(&gateway, called_from.address, parts.headers, &call.body).await,
        Err(response) => response,
    }
}

/// Answers a call that was admitted, by HTTP or over a channel. `from` is the address that limits count the call to.
pub(crate) async fn resolve(
    gateway: &Gateway,
    from: Option<IpAddr>,
    headers: HeaderMap,
    body: &[u8],
) -> Response {
    let mut batch: FragmentsRequest = match read_json(body) {
        Ok(batch) => batch,
        Err(reason) => return refused(StatusCode::BAD_REQUEST, &reason),
    };
    let is_protocol_1 = batch.protocol.is_none_or(|protocol| protocol < 2);
    let requested = Requested::of(&batch);
    let caller = Caller {
        headers,
        page: batch.page.take().map(Arc::from),
        from,
        record: observe::current(),
        ..Caller::default()
    };
    let mut answers = dispatch::dispatch(gateway, batch, &caller);
    let mut budget = ResponseBudget::new();
    while let Some(part) = answers.next().await {
        budget.add(part);
    }
    let (mut answer, without_room) = budget.into_response_body();
    log(&without_room, &requested, "the answer has no room for it");
    requested.sort(&mut answer.fragments);
    if is_protocol_1 {
        let (answer, without_room) = protocol_1(answer.fragments);
        log(
            &without_room,
            &requested,
            "the client of protocol 1 has no room for it",
        );
        Json(answer).into_response()
    } else {
        Json(answer).into_response()
    }
}

/// What was requested, in its order.
struct Requested(Vec<RequestedItem>);

struct RequestedItem {
    id: String,
    service: Arc<str>,
    reference: String,
}

impl Requested {
    fn of(batch: &FragmentsRequest) -> Self {
        let mut all = Vec::new();
        for (service, items) in &batch.requests.0 {
            let service: Arc<str> = cut(service).into();
            all.extend(items.iter().map(|item| RequestedItem {
                id: item.id.clone(),
                service: Arc::clone(&service),
                reference: cut(&item.reference).to_owned(),
            }));
        }
        Self(all)
    }

    /// Sorts the fragments into the order in which they were requested.
    fn sort(&self, fragments: &mut [ResolvedFragment]) {
        let places: HashMap<&str, usize> = self
            .0
            .iter()
            .enumerate()
            .rev()
            .map(|(at, item)| (item.id.as_str(), at))
            .collect();
        fragments.sort_by_key(|fragment| places.get(fragment.id.as_str()).copied().unwrap_or(usize::MAX));
    }
}

/// Logs fragments that were rendered and do not reach the page.
fn log(ids: &[String], requested: &Requested, reason: &str) {
    let more = lines::first(ids, |id| {
        if let Some(item) = requested.0.iter().find(|item| item.id == **id) {
            let (service, reference, outcome) = (&*item.service, &*item.reference, Outcome::Failed);
            tracing::warn!(
                service,
                r#ref = reference,
                ?outcome,
                reason,
                "fragment not rendered"
            );
        }
    });
    if more > 0 {
        tracing::warn!(more, "more fragments of the same batch have no room");
    }
}

/// The answer of protocol 1. HTML that does not fit into the client's buffer becomes null, and the client shows its
/// fallback there. Returns also the ids of these fragments.
fn protocol_1(fragments: Vec<ResolvedFragment>) -> (Vec<RenderedFragment>, Vec<String>) {
    let mut left = MAX_PROTOCOL_1_ANSWER_BYTES - 2;
    // Each item must fit without its HTML in any case.
    for fragment in &fragments {
        left = left.saturating_sub(json_length(&fragment.id) + r#"{"renderedHTML":null,"id":},"#.len());
    }
    let mut without_room = Vec::new();
    let fit = |fragment: ResolvedFragment| {
        let html = fragment
            .html
            .filter(|html| match left.checked_sub(json_length(html)) {
                Some(rest) => {
                    left = rest;
                    true
                }
                None => {
                    without_room.push(fragment.id.clone());
                    false
                }
            });
        RenderedFragment {
            html,
            id: fragment.id,
        }
    };
    let answer = fragments.into_iter().map(fit).collect();
    (answer, without_room)
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
        let (answer, without_room) = protocol_1(vec![
            fragment("a", html(100)),
            fragment("b", html(200_000)),
            fragment("c", html(130_900)),
            fragment("d", None),
        ]);
        assert!(serde_json::to_vec(&answer).expect("JSON").len() <= MAX_PROTOCOL_1_ANSWER_BYTES);
        let has_html: Vec<_> = answer.iter().map(|one| one.html.is_some()).collect();
        assert_eq!(has_html, [true, false, true, false]);
        assert_eq!(without_room, ["b"]);
    }

    #[test]
    fn answers_come_in_the_order_of_the_questions() {
        let fragment = |id: &str| ResolvedFragment {
            id: id.into(),
            ..ResolvedFragment::default()
        };
        let mut fragments = [fragment("b"), fragment("c"), fragment("a")];
        let batch = serde_json::json!({"requests": {"x": [{"id": "a"}], "y": [{"id": "b"}, {"id": "c"}]}});
        let batch = serde_json::from_value(batch).expect("a batch");
        Requested::of(&batch).sort(&mut fragments);
        assert_eq!(fragments.map(|one| one.id), ["a", "b", "c"]);
    }
}
