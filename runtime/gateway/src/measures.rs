//! What the gateway measures, beside what its network code does.

use std::{sync::Arc, time::Duration};

use hydra_runtime_net::metrics::{Described, HandleMap, LazyCounter, LazyHistogram, describe};
use hydra_runtime_wire::{Outcome, ResolvedFragment};
use metrics::{Key, Label};

use crate::{
    Gateway,
    edge::failure::RequestFailure,
    limits::{MAX_MEASURED_REFS, MAX_MEASURED_SERVICES},
    registry::instance::{FragmentProtocol, Instance},
};

/// The label of services and refs that have none of their own.
const OTHER: &str = "other";

/// All that the gateway measures.
const ALL: [Described; 24] = [
    Described::counter(
        "hydra_gateway_fragments_total",
        "Fragments that the gateway requested from their owners, by what became of them.",
    )
    .by(&[("service", &[]), ("ref", &[])]),
    Described::seconds(
        "hydra_gateway_fragment_seconds",
        "Time from the request for a fragment until the gateway has its answer.",
    )
    .by(&[("service", &[]), ("ref", &[])]),
    Described::counter(
        "hydra_exports_dropped_total",
        "Exports in an answer that the tag does not name.",
    ),
    Described::counter(
        "hydra_attributes_dropped_total",
        "Attributes that came with a call although the imports of the call do not name them.",
    ),
    Described::counter(
        "hydra_assets_dropped_total",
        "Style sheets and scripts of fragments that are not linked.",
    ),
    Described::counter(
        "hydra_fragments_unasked_total",
        "Fragments in answers of services that the gateway did not request.",
    ),
    Described::counter(
        "hydra_upstream_connections_total",
        "Connections to services that were opened.",
    ),
    Described::counter(
        "hydra_upstream_reused_total",
        "Requests to services over a connection that was open already.",
    ),
    Described::gauge(
        "hydra_upstream_idle",
        "Open connections to services that wait for their next request.",
    ),
    Described::counter(
        "hydra_requests_refused_total",
        "Requests of visitors beyond a rate, or beyond the places for requests.",
    )
    .by(&[("reason", &["rate", "full"])]),
    Described::counter(
        "hydra_upstream_surplus_total",
        "Connections on which a service sent bytes beyond its response.",
    ),
    Described::gauge("hydra_registry_services", "Services with an active instance."),
    Described::gauge("hydra_registry_instances", "Active instances."),
    Described::gauge("hydra_registry_paths", "Paths of active instances."),
    Described::seconds(
        "hydra_registry_publish_seconds",
        "Time from a change of the registry until all requests see it.",
    ),
    Described::gauge(
        "hydra_redis_up",
        "1 while Redis can be used, 0 while it can't or none is set.",
    )
    .by(&[("redis", &[])]),
    Described::counter("hydra_redis_lost_total", "How often Redis became unusable."),
    Described::counter(
        "hydra_steering_ignored_total",
        "Weights and drains in Redis that were ignored.",
    ),
    Described::counter(
        "hydra_login_key_rotations_total",
        "Login keys that this gateway made.",
    ),
    Described::counter(
        "hydra_logins_total",
        "Forms that visitors sent to log in, by what became of them.",
    )
    .by(&[(
        "outcome",
        &["right", "wrong", "delayed", "busy", "away", "cross_site"],
    )]),
    Described::counter(
        "hydra_login_tokens_removed_total",
        "Requests from which the gateway removed logins that do not count.",
    ),
    Described::counter(
        "hydra_login_claims_dropped_total",
        "Roles and metadata of users that did not fit into a cookie.",
    ),
    Described::counter(
        "hydra_login_keys_ignored_total",
        "Login keys in Redis that were ignored.",
    ),
    Described::counter(
        "hydra_registry_records_ignored_total",
        "Records in Redis that were ignored.",
    )
    .by(&[(
        "reason",
        &[
            "seal",
            "unreadable",
            "refused",
            "other_instance",
            "too_long",
            "no_room",
        ],
    )]),
];

/// Describes all that the gateway measures.
pub(crate) fn describe_all() {
    describe(&ALL);
}

/// Sets the gauges that are read from the state of the gateway.
pub(crate) fn refresh(gateway: &Gateway) {
    let (mut services, mut instances, mut paths) = (0_u32, 0_u32, 0_usize);
    let snapshot = gateway.publisher().snapshot();
    for active in snapshot.active_services() {
        services += 1;
        for instance in &active.active {
            instances += 1;
            paths += instance.paths.len();
        }
    }
    metrics::gauge!("hydra_registry_services").set(f64::from(services));
    metrics::gauge!("hydra_registry_instances").set(f64::from(instances));
    metrics::gauge!("hydra_registry_paths").set(as_float(paths));
    metrics::gauge!("hydra_upstream_idle").set(as_float(gateway.idle_connections()));
    metrics::gauge!("hydra_cache_bytes", "cache" => "plain").set(as_float(gateway.cache().bytes()));
    if gateway.config().redis.is_some() {
        let is_up = gateway.publisher().is_complete() && gateway.publisher().outage().is_none();
        metrics::gauge!("hydra_redis_up").set(if is_up { 1.0 } else { 0.0 });
    }
}

fn as_float(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}

/// The metrics of fragments, by service and ref.
#[derive(Debug)]
pub(crate) struct FragmentMeasures {
    services: HandleMap<Arc<str>, HandleMap<Arc<str>, FragmentHandles>>,
    other: Arc<FragmentHandles>,
}

/// The metrics of one fragment.
#[derive(Debug)]
pub(crate) struct FragmentHandles {
    outcomes: [LazyCounter; Outcome::ALL.len()],
    time: LazyHistogram,
}

impl Default for FragmentMeasures {
    fn default() -> Self {
        Self {
            services: HandleMap::new(MAX_MEASURED_SERVICES),
            other: Arc::new(FragmentHandles::new(OTHER, OTHER)),
        }
    }
}

impl FragmentMeasures {
    /// The metrics of a fragment. `instance` finds an instance of the service, whose contract tells whether the fragment
    /// exists: a page may compute names from what a visitor wrote, and such names get no labels.
    pub(crate) fn of(
        &self,
        service: &str,
        reference: &str,
        instance: impl FnOnce() -> Option<Arc<Instance>>,
    ) -> Arc<FragmentHandles> {
        let refs = self.services.known(service);
        if let Some(known) = refs.as_ref().and_then(|refs| refs.known(reference)) {
            return known;
        }
        let Some(instance) = instance() else {
            return Arc::clone(&self.other);
        };
        let make = || (Arc::from(service), HandleMap::new(MAX_MEASURED_REFS));
        let reference = if offers(&instance, reference) {
            reference
        } else {
            OTHER
        };
        let handles = || (Arc::from(reference), FragmentHandles::new(service, reference));
        let refs = refs.or_else(|| self.services.get(service, make));
        refs.and_then(|refs| refs.get(reference, handles))
            .unwrap_or_else(|| Arc::clone(&self.other))
    }
}

fn offers(instance: &Instance, reference: &str) -> bool {
    match &instance.fragment_protocol {
        FragmentProtocol::Plain(paths) => paths.contains_key(reference),
        FragmentProtocol::Protocol1 | FragmentProtocol::Protocol2 => instance
            .contract
            .as_ref()
            .is_some_and(|contract| contract.fragments.contains_key(reference)),
    }
}

impl FragmentHandles {
    fn new(service: &str, reference: &str) -> Self {
        let labels = [
            Label::new("service", service.to_owned()),
            Label::new("ref", reference.to_owned()),
        ];
        let counter = |outcome: Outcome| {
            let outcome = Label::from_static_parts("outcome", outcome.label());
            let labels = labels.iter().cloned().chain([outcome]).collect::<Vec<_>>();
            LazyCounter::new(Key::from_parts("hydra_gateway_fragments_total", labels))
        };
        Self {
            outcomes: Outcome::ALL.map(counter),
            time: LazyHistogram::new(Key::from_parts("hydra_gateway_fragment_seconds", labels.to_vec())),
        }
    }

    /// Counts a fragment that came after `time`. One from a cache took none.
    pub(crate) fn count(&self, fragment: &ResolvedFragment, time: Duration) {
        // The counters are in the order of the outcomes.
        if let Some(counter) = self.outcomes.get(fragment.outcome as usize) {
            counter.increment(1);
        }
        if fragment.outcome != Outcome::Cached {
            self.time.record(time.as_secs_f64());
        }
    }
}

/// Counts a request that a limit refused.
pub(crate) fn refused(failure: RequestFailure) -> RequestFailure {
    let reason = match failure {
        RequestFailure::Full => "full",
        _ => "rate",
    };
    metrics::counter!("hydra_requests_refused_total", "reason" => reason).increment(1);
    failure
}
