//! What pages measure.

use hydra_runtime_net::metrics::{Described, describe};

const ALL: [Described; 12] = [
    Described::counter("hydra_pages_total", "Pages, by what became of them.")
        .by(&[("outcome", &["shown", "broken", "required"])]),
    Described::seconds(
        "hydra_page_first_byte_seconds",
        "Time from the request for a page until its head and its first text leave.",
    )
    .by(&[("page", &[])]),
    Described::counter(
        "hydra_fragments_total",
        "Fragments on pages, by what became of them.",
    )
    .by(&[("service", &[]), ("ref", &[]), ("outcome", &[]), ("reason", &[])]),
    Described::seconds(
        "hydra_fragment_seconds",
        "Time from the moment when a page needs a fragment until it has it.",
    )
    .by(&[("service", &[]), ("ref", &[]), ("outcome", &[])]),
    Described::counter(
        "hydra_exports_dropped_total",
        "Exports in an answer that the tag does not name.",
    )
    .by(&[("service", &[]), ("ref", &[])]),
    Described::counter(
        "hydra_exports_mistyped_total",
        "Exports of another type than the contract says.",
    )
    .by(&[("service", &[]), ("ref", &[])]),
    Described::counter(
        "hydra_attributes_dropped_total",
        "Attributes that came with a call although the imports of the call do not name them.",
    ),
    Described::counter(
        "hydra_assets_dropped_total",
        "Style sheets and scripts of fragments that are not linked.",
    ),
    Described::counter(
        "hydra_answers_ignored_total",
        "Fragments in the answers to a page that the page did not ask for.",
    ),
    Described::counter(
        "hydra_places_damaged_total",
        "Slots whose marker a filter or another part of a template had changed.",
    ),
    Described::counter(
        "hydra_regions_broken_total",
        "Holes and fallbacks whose template failed.",
    ),
    Described::counter(
        "hydra_lazy_refused_total",
        "Requests for lazy fragments whose address can't be used.",
    )
    .by(&[("reason", &["wrong", "old", "too_long"])]),
];

/// Describes what pages measure.
pub(super) fn describe_all() {
    describe(&ALL);
}
