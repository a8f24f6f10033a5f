//! What the gateway measures, beside what its network code does.

mod fragments;

use hydra_runtime_net::metrics::{Described, describe};
pub(crate) use hydra_runtime_net::observe::OTHER;

pub(crate) use fragments::{FragmentHandles, FragmentMeasures};

use crate::{Gateway, edge::failure::RequestFailure, limits::FLOW_PERIOD};

/// Refused requests: pages that a process renders without a gateway are limited, too.
const REFUSED: Described = Described::counter(
    "hydra_requests_refused_total",
    "Requests of visitors beyond a rate, or beyond the places for requests.",
)
.by(&[("reason", &["rate", "full"])]);

/// All that the gateway measures.
const ALL: [Described; 39] = [
    Described::counter(
        "hydra_gateway_fragments_total",
        "Fragments that the gateway requested from their owners, by what became of them.",
    )
    .by(&[("service", &[]), ("ref", &[]), ("outcome", &[])]),
    Described::seconds(
        "hydra_gateway_fragment_seconds",
        "Time from the request for a fragment until the gateway has its answer or gives it up.",
    )
    .by(&[("service", &[]), ("ref", &[]), ("outcome", &[])]),
    Described::counter(
        "hydra_affinity_total",
        "Requests to services whose visitors stay with one instance, and moves of visitors, by their reasons.",
    )
    .by(&[("service", &[]), ("outcome", &[])]),
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
    REFUSED,
    Described::counter(
        "hydra_upstream_surplus_total",
        "Connections on which a service sent bytes beyond its response.",
    ),
    Described::counter(
        "hydra_upstream_full_total",
        "Attempts to use an instance that had as many connections in use as it may.",
    ),
    Described::gauge("hydra_channels", "Channels of services that end at this gateway."),
    Described::gauge(
        "hydra_channel_requests",
        "Requests of the gateway over channels that have no answer yet.",
    ),
    Described::counter("hydra_channels_opened_total", "Channels that services opened."),
    Described::counter(
        "hydra_channels_ended_total",
        "Channels that ended, by why they did.",
    )
    .by(&[("reason", &["closed", "lost", "silent", "unread", "protocol"])]),
    Described::counter(
        "hydra_channel_calls_total",
        "Calls for fragments, and forms, to instances with a channel, by the way that they took.",
    )
    .by(&[("way", &["channel", "post", "relay"])]),
    Described::counter(
        "hydra_channel_relayed_total",
        "Calls of other gateways that were passed on over channels which end here.",
    ),
    Described::counter("hydra_channel_bytes_total", "Bytes over channels, in frames.")
        .by(&[("direction", &["received", "sent"])]),
    Described::gauge("hydra_registry_services", "Services with an active instance."),
    Described::gauge("hydra_registry_instances", "Active instances."),
    Described::gauge("hydra_registry_paths", "Paths of active instances."),
    Described::seconds(
        "hydra_registry_publish_seconds",
        "Time from a change of the registry until all requests see it.",
    ),
    Described::seconds(
        "hydra_registry_convergence_seconds",
        "Time from a change at another gateway until all requests at this one see it.",
    ),
    Described::gauge(
        "hydra_redis_up",
        "1 while Redis can be used, 0 while it can't. Absent without the setting `redis`.",
    )
    .absent_at_first(),
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
        "hydra_openid_logins_total",
        "Visitors who logged in at the OpenID provider, by what became of them.",
    )
    .by(&[(
        "outcome",
        &["right", "unknown", "refused", "wrong", "away", "busy"],
    )]),
    Described::counter(
        "hydra_openid_refreshes_total",
        "Requests that ask the OpenID provider for new tokens of a login, by what became of them.",
    )
    .by(&[("outcome", &["right", "refused", "unknown", "away", "wrong"])]),
    Described::counter(
        "hydra_operator_sign_ins_total",
        "Attempts of operators to sign in, by what became of them.",
    )
    .by(&[("outcome", &["right", "wrong", "no_role", "delayed", "away"])]),
    Described::counter(
        "hydra_login_tokens_removed_total",
        "Requests from which the gateway removed logins that do not count.",
    ),
    Described::counter("hydra_users_ignored_total", "Users in Redis that were ignored."),
    Described::counter(
        "hydra_login_connections_closed_total",
        "Sockets and streams that were closed because their login had ended.",
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

/// Describes what the limits of pages count, in a process without a gateway.
pub(crate) fn describe_limits() {
    describe(&[REFUSED]);
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
    let channels = gateway.channels().totals();
    metrics::gauge!("hydra_channels").set(as_float(channels.open));
    metrics::gauge!("hydra_channel_requests").set(as_float(channels.requests));
    metrics::counter!("hydra_channel_bytes_total", "direction" => "received")
        .absolute(channels.received_bytes);
    metrics::counter!("hydra_channel_bytes_total", "direction" => "sent").absolute(channels.sent_bytes);
    metrics::gauge!("hydra_cache_bytes", "cache" => "plain").set(as_float(gateway.cache().bytes()));
    if gateway.config().redis.is_some() {
        let is_up = gateway.publisher().is_complete() && gateway.publisher().outage().is_none();
        metrics::gauge!("hydra_redis_up").set(if is_up { 1.0 } else { 0.0 });
    }
}

/// Keeps the totals of what pages request, for operators, for ever.
pub(crate) async fn keep_totals(gateway: &Gateway) {
    loop {
        tokio::time::sleep(FLOW_PERIOD).await;
        let now = gateway.publisher().now();
        gateway.fragment_measures().keep_totals(now);
    }
}

fn as_float(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
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
