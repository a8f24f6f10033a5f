//! The metrics of the process: what each of them means, handles that are registered once, and the recorder that keeps
//! their values for the operators' listener.

mod described;
mod handles;
#[cfg(feature = "admin")]
mod recorder;

use metrics::{Key, Label, Metadata};

pub use described::{Described, describe};
pub use handles::{HandleMap, LazyCounter, LazyHistogram};
#[cfg(feature = "admin")]
pub use recorder::{Recorded, install};

/// Where the handles of this crate's users come from.
pub static METADATA: Metadata<'static> =
    Metadata::new(module_path!(), metrics::Level::INFO, Some(module_path!()));

/// What every process measures.
const OWN: [Described; 11] = [
    Described::counter(
        "hydra_connections_closed_total",
        "Connections that were closed because there was no room for more, or because they were idle or stalled.",
    )
    .by(&[("reason", &["room", "idle", "stalled"])]),
    Described::counter(
        "hydra_access_log_dropped_total",
        "Lines of the access log that were not written.",
    ),
    Described::counter(
        "hydra_spans_dropped_total",
        "Spans that the collector did not get.",
    ),
    Described::counter(
        "hydra_log_lines_dropped_total",
        "Lines of the log that were not written.",
    )
    .by(&[("reason", &["slow", "often"])]),
    Described::gauge("hydra_connections", "Open connections, those of operators included."),
    Described::counter(
        "hydra_requests_total",
        "Requests, by the service that answered and the class of the status.",
    )
    .by(&[("service", &[]), ("status", &[])]),
    Described::seconds("hydra_request_seconds", "Time until the head of the answer is ready.")
        .by(&[("service", &[]), ("status", &[])]),
    Described::counter(
        "hydra_actions_total",
        "Forms of fragments that visitors sent, by what became of them.",
    )
    .by(&[("service", &[]), ("ref", &[]), ("action", &[]), ("outcome", &[])]),
    Described::seconds(
        "hydra_action_seconds",
        "Time from a visitor's form until the answer of its owner.",
    )
    .by(&[("service", &[]), ("ref", &[]), ("action", &[])]),
    Described::counter(
        "hydra_cache_lookups_total",
        "Looks into caches of fragments, by what was found.",
    )
    .by(&[("cache", &[]), ("result", &[])]),
    Described::gauge(
        "hydra_cache_bytes",
        "What caches of fragments take, in bytes.",
    )
    .by(&[("cache", &[])]),
];

/// The counter of looks into the cache `cache` that ended with `result`.
#[must_use]
pub fn lookups(cache: &'static str, result: &'static str) -> LazyCounter {
    let labels = vec![
        Label::from_static_parts("cache", cache),
        Label::from_static_parts("result", result),
    ];
    LazyCounter::new(Key::from_parts("hydra_cache_lookups_total", labels))
}

/// Describes what every process measures.
pub fn describe_own() {
    describe(&OWN);
}
