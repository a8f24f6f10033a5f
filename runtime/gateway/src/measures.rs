//! What the gateway measures, beside what its network code does.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use hydra_runtime_net::metrics::{Described, HandleMap, LazyCounter, LazyHistogram, describe};
pub(crate) use hydra_runtime_net::observe::OTHER;
use hydra_runtime_wire::Outcome;
use metrics::{Key, Label};

use crate::{
    Gateway, Millis,
    edge::failure::RequestFailure,
    flows::{Asker, Flow, FlowState},
    limits::{
        FLOW_PERIOD, MAX_FLOWS, MAX_FLOWS_PER_FRAGMENT, MAX_MEASURED_REFS, MAX_MEASURED_SERVICES,
        MAX_PAGES_PER_FLOW,
    },
};

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

/// The metrics of fragments, by service and ref, and who requested them.
#[derive(Debug)]
pub(crate) struct FragmentMeasures {
    services: HandleMap<Arc<str>, HandleMap<Arc<str>, FragmentHandles>>,
    other: Arc<FragmentHandles>,
    /// How many flows have been made.
    flows: AtomicUsize,
    /// When the two newest totals of all flows were kept, the newest first.
    kept: Mutex<[Millis; 2]>,
}

/// The metrics of one fragment.
#[derive(Debug)]
pub(crate) struct FragmentHandles {
    /// How many had each outcome, and how long they took.
    outcomes: [(LazyCounter, LazyHistogram); Outcome::ALL.len()],
    /// By the step of the page or fragment that requested it, and then by page.
    flows: HandleMap<Arc<str>, HandleMap<Arc<str>, Flow>>,
    /// The requests of all whose step is unknown.
    unknown: Arc<Flow>,
}

impl Default for FragmentMeasures {
    fn default() -> Self {
        Self {
            services: HandleMap::new(MAX_MEASURED_SERVICES),
            other: Arc::new(FragmentHandles::new(OTHER, OTHER)),
            flows: AtomicUsize::default(),
            kept: Mutex::default(),
        }
    }
}

impl FragmentMeasures {
    /// The metrics of a fragment. `is_offered` tells whether the fragment exists: a page may compute names from what a
    /// visitor wrote, and such names get no labels. It returns `None` if the service is unknown.
    pub(crate) fn of(
        &self,
        service: &str,
        reference: &str,
        is_offered: impl FnOnce() -> Option<bool>,
    ) -> Arc<FragmentHandles> {
        let refs = self.services.known(service);
        if let Some(known) = refs.as_ref().and_then(|refs| refs.known(reference)) {
            return known;
        }
        let Some(is_offered) = is_offered() else {
            return Arc::clone(&self.other);
        };
        let make = || (Arc::from(service), HandleMap::new(MAX_MEASURED_REFS));
        let reference = if is_offered { reference } else { OTHER };
        let handles = || (Arc::from(reference), FragmentHandles::new(service, reference));
        let refs = refs.or_else(|| self.services.get(service, make));
        refs.and_then(|refs| refs.get(reference, handles))
            .unwrap_or_else(|| Arc::clone(&self.other))
    }

    /// The flow of requests from `asker`. `known` tells what of it exists, since a peer wrote it: with an empty page if only the step
    /// does, or `None`.
    pub(crate) fn flow<'a>(
        &self,
        handles: &FragmentHandles,
        asker: Asker<'a>,
        known: impl FnOnce() -> Option<Asker<'a>>,
    ) -> Arc<Flow> {
        let pages = handles.flows.known(asker.step);
        if let Some(flow) = pages.and_then(|pages| pages.known(asker.page)) {
            return flow;
        }
        let unknown = || Arc::clone(&handles.unknown);
        let Some(Asker { step, page }) = known().filter(|known| !known.step.is_empty()) else {
            return unknown();
        };
        if self.flows.load(Relaxed) >= MAX_FLOWS {
            return unknown();
        }
        let pages = || (Arc::from(step), HandleMap::new(MAX_PAGES_PER_FLOW));
        let make = || {
            self.flows.fetch_add(1, Relaxed);
            (Arc::from(page), Flow::default())
        };
        let pages = handles.flows.get(step, pages);
        pages
            .and_then(|pages| pages.get(page, make))
            .unwrap_or_else(unknown)
    }

    /// Keeps the totals of all flows, so that later ones can be compared with them.
    pub(crate) fn keep_totals(&self, now: Millis) {
        for (_, refs) in self.services.all() {
            for (_, handles) in refs.all() {
                handles.each_flow(|_, _, flow| flow.keep());
            }
        }
        self.other.each_flow(|_, _, flow| flow.keep());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = [now, kept[0]];
    }

    /// The time that counts as recent.
    pub(crate) fn window(&self, now: Millis) -> Duration {
        let since = self.kept.lock().unwrap_or_else(PoisonError::into_inner)[1];
        Duration::from_millis(now.0.saturating_sub(since.0))
    }

    /// Every flow that had a request, in no order. Services and fragments without a name of their own are `other`; an unknown
    /// asker is empty.
    pub(crate) fn flows(&self, now: Millis) -> Vec<FlowState> {
        let window = self.window(now);
        let mut found = Vec::new();
        let mut add = |service: &Arc<str>, reference: &Arc<str>, handles: &FragmentHandles| {
            handles.each_flow(|asker, page, flow| {
                let (service, reference) = (Arc::clone(service), Arc::clone(reference));
                found.extend(flow.state((asker, page), service, reference, window));
            });
        };
        for (service, refs) in self.services.all() {
            for (reference, handles) in refs.all() {
                add(&service, &reference, &handles);
            }
        }
        let other = Arc::from(OTHER);
        add(&other, &other, &self.other);
        found
    }
}

impl FragmentHandles {
    fn new(service: &str, reference: &str) -> Self {
        let handles = |outcome: Outcome| {
            let labels = vec![
                Label::new("service", service.to_owned()),
                Label::new("ref", reference.to_owned()),
                Label::from_static_parts("outcome", outcome.label()),
            ];
            (
                LazyCounter::new(Key::from_parts("hydra_gateway_fragments_total", labels.clone())),
                LazyHistogram::new(Key::from_parts("hydra_gateway_fragment_seconds", labels)),
            )
        };
        Self {
            outcomes: Outcome::ALL.map(handles),
            flows: HandleMap::new(MAX_FLOWS_PER_FRAGMENT),
            unknown: Arc::default(),
        }
    }

    /// Shows each flow to `see`, with the step and the page that ask.
    fn each_flow(&self, mut see: impl FnMut(Arc<str>, Arc<str>, &Flow)) {
        for (asker, pages) in self.flows.all() {
            for (page, flow) in pages.all() {
                see(Arc::clone(&asker), page, &flow);
            }
        }
        see(Arc::from(""), Arc::from(""), &self.unknown);
    }

    /// Counts a fragment that came after `time`. One from a cache took none.
    pub(crate) fn count(&self, outcome: Outcome, time: Duration) {
        // The handles are in the order of the outcomes.
        let Some((counter, histogram)) = self.outcomes.get(outcome as usize) else {
            return;
        };
        counter.increment(1);
        if outcome != Outcome::Cached {
            histogram.record(time.as_secs_f64());
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts a fragment that the page `page` of `step` requests, or a fragment if it is empty.
    fn counted(measures: &FragmentMeasures, (service, reference): (&str, &str), step: &str, page: &str) {
        let handles = measures.of(service, reference, || Some(true));
        let asker = Asker { step, page };
        let known = Asker {
            page: if page == "made up" { "" } else { page },
            ..asker
        };
        let flow = measures.flow(&handles, asker, || (step != "made up").then_some(known));
        flow.count(Outcome::Rendered, Some(Duration::from_millis(3)));
    }

    /// Each flow as `asker > service/ref: recent of all`.
    fn shown(measures: &FragmentMeasures, now: u64) -> Vec<String> {
        let line = |flow: FlowState| {
            let FlowState {
                asker,
                page,
                service,
                reference,
                recent,
                all,
                ..
            } = flow;
            let (recent, all) = (recent.count(), all.count());
            format!("{asker} {page} > {service}/{reference}: {recent} of {all}")
        };
        let mut lines: Vec<_> = measures.flows(Millis(now)).into_iter().map(line).collect();
        lines.sort_unstable();
        lines
    }

    const FORM: (&str, &str) = ("orders", "form");

    #[test]
    fn flows_are_told_by_the_page_or_fragment_that_asks() {
        let measures = FragmentMeasures::default();
        counted(&measures, FORM, "shop", "index.html");
        counted(&measures, FORM, "shop", "index.html");
        counted(&measures, FORM, "shop", "cart.html");
        counted(&measures, FORM, "shop", "");
        counted(&measures, FORM, "shop", "made up");
        counted(&measures, FORM, "news/box", "");
        counted(&measures, FORM, "made up", "");
        counted(&measures, FORM, "", "index.html");
        let nothing = measures.of("nothing", "x", || None);
        let shop = Asker {
            step: "shop",
            page: "",
        };
        measures
            .flow(&nothing, shop, || Some(shop))
            .count(Outcome::Inactive, None);
        let expected = [
            "  > orders/form: 2 of 2",
            "news/box  > orders/form: 1 of 1",
            "shop  > orders/form: 2 of 2",
            "shop  > other/other: 1 of 1",
            "shop cart.html > orders/form: 1 of 1",
            "shop index.html > orders/form: 2 of 2",
        ];
        assert_eq!(shown(&measures, 1_000), expected);
    }

    #[test]
    fn old_requests_are_no_longer_recent() {
        let measures = FragmentMeasures::default();
        counted(&measures, FORM, "shop", "");
        measures.keep_totals(Millis(15_000));
        assert_eq!(shown(&measures, 16_000), ["shop  > orders/form: 1 of 1"]);
        counted(&measures, FORM, "shop", "");
        measures.keep_totals(Millis(30_000));
        assert_eq!(shown(&measures, 31_000), ["shop  > orders/form: 1 of 2"]);
        let window = measures.flows(Millis(31_000))[0].window;
        assert_eq!(window, Duration::from_secs(16));
        measures.keep_totals(Millis(45_000));
        assert_eq!(shown(&measures, 46_000), ["shop  > orders/form: 0 of 2"]);
    }

    #[test]
    fn what_peers_write_is_bounded() {
        let steps = FragmentMeasures::default();
        for number in 0..2 * MAX_FLOWS_PER_FRAGMENT {
            counted(&steps, FORM, &format!("shop{number}"), "");
        }
        let pages = FragmentMeasures::default();
        for number in 0..2 * MAX_PAGES_PER_FLOW {
            counted(&pages, FORM, "shop", &format!("{number}.html"));
        }
        for (measures, most) in [(steps, MAX_FLOWS_PER_FRAGMENT), (pages, MAX_PAGES_PER_FLOW)] {
            let flows = measures.flows(Millis(1));
            assert_eq!(flows.len(), most + 1);
            let unknown = flows.iter().find(|flow| flow.asker.is_empty());
            assert_eq!(unknown.map(|flow| flow.all.count()), Some(most as u64));
        }
    }
}
