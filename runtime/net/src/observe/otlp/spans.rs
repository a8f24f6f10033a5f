//! The spans of one request: one for the request itself, one for each of its fragments, and one for the form that it sends.
#![deny(clippy::disallowed_methods)]

use std::time::{Duration, SystemTime};

use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::Ended;
use crate::observe::{
    action::ActionRecord,
    ids,
    record::{FragmentRecord, RequestRecord},
};

/// All spans of a request. Those of fragments and of a form are children of that of the request; a service that is called for them
/// makes the span of its call a child of the same.
pub(super) fn spans(ended: &Ended) -> Vec<SpanData> {
    let began = ended.head.at;
    let fragments = ended.record.fragments_with_ends();
    let fragments = fragments
        .into_iter()
        .map(|(fragment, end)| fragment_span(&ended.record, began, &fragment, end));
    let action = ended.record.action_with_end();
    let action = action.map(|(action, end)| action_span(&ended.record, began, &action, end));
    std::iter::once(request_span(ended))
        .chain(fragments)
        .chain(action)
        .collect()
}

/// The span of the request, named as the semantic conventions of OpenTelemetry for HTTP say: method and route.
fn request_span(ended: &Ended) -> SpanData {
    let Ended {
        head,
        record,
        body,
        at,
    } = ended;
    let served = record.served_by();
    let status = i64::from(head.status);
    let name = match served.route.as_str() {
        "" => head.method.to_string(),
        route => format!("{} {route}", head.method),
    };
    let texts = [
        ("http.request.method", head.method.as_str()),
        ("url.path", &head.path),
        ("server.address", &head.host),
        ("http.route", &served.route),
        ("hydra.request_id", record.trace().request_id()),
        ("hydra.service", record.service().map_or("", |service| service)),
        ("hydra.instance", &served.instance),
        ("hydra.version", &served.version),
    ];
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let mut attributes: Vec<_> = texts
        .map(|(name, text)| KeyValue::new(name, text.to_owned()))
        .collect();
    attributes.push(KeyValue::new("http.response.status_code", status));
    attributes.push(KeyValue::new(
        "http.response.body.size",
        i64::try_from(body.bytes).unwrap_or(i64::MAX),
    ));
    let is_error = status >= 500 || !body.is_whole;
    let time = at.saturating_duration_since(record.began());
    let parent = record.trace().parent_id();
    SpanData {
        parent_span_is_remote: parent.is_some(),
        span_kind: SpanKind::Server,
        attributes,
        status: status_of(is_error),
        ..span(
            record,
            record.trace().span_id(),
            parent,
            name,
            (head.at, head.at + time),
        )
    }
}

/// The span of a fragment, which ended so long after its request `began`.
fn fragment_span(
    record: &RequestRecord,
    began: SystemTime,
    fragment: &FragmentRecord,
    end: Duration,
) -> SpanData {
    let FragmentRecord {
        service,
        reference,
        outcome,
        time,
    } = fragment;
    let is_error = !matches!(*outcome, "rendered" | "cached" | "stale");
    let times = (began + end.saturating_sub(*time), began + end);
    let name = format!("fragment {service}/{reference}");
    SpanData {
        span_kind: SpanKind::Client,
        attributes: vec![
            KeyValue::new("hydra.fragment.service", service.clone()),
            KeyValue::new("hydra.fragment.ref", reference.clone()),
            KeyValue::new("hydra.fragment.outcome", *outcome),
        ],
        status: status_of(is_error),
        ..span(record, ids::random(), Some(record.trace().span_id()), name, times)
    }
}

/// The span of a form, about which all was known so long after its request `began`.
fn action_span(record: &RequestRecord, began: SystemTime, action: &ActionRecord, end: Duration) -> SpanData {
    let times = (began + end.saturating_sub(action.time), began + end);
    let name = format!("action {}", action.name());
    SpanData {
        span_kind: match action.is_remote {
            true => SpanKind::Client,
            false => SpanKind::Internal,
        },
        attributes: vec![
            KeyValue::new("hydra.action.service", action.service.clone()),
            KeyValue::new("hydra.action.ref", action.reference.clone()),
            KeyValue::new("hydra.action.name", action.action.clone()),
            KeyValue::new("hydra.action.outcome", action.outcome.label()),
        ],
        status: status_of(action.outcome.is_error()),
        ..span(record, ids::random(), Some(record.trace().span_id()), name, times)
    }
}

fn status_of(is_error: bool) -> Status {
    match is_error {
        true => Status::error(""),
        false => Status::Unset,
    }
}

/// A span of the trace of a request.
fn span(
    record: &RequestRecord,
    id: u64,
    parent: Option<u64>,
    name: String,
    (start_time, end_time): (SystemTime, SystemTime),
) -> SpanData {
    let span_id = |id: u64| SpanId::from_bytes(id.to_be_bytes());
    SpanData {
        span_context: SpanContext::new(
            TraceId::from_bytes(record.trace().trace_id().to_be_bytes()),
            span_id(id),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        ),
        parent_span_id: parent.map_or(SpanId::INVALID, span_id),
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: name.into(),
        start_time,
        end_time,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("hydra").build(),
    }
}
