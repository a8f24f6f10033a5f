//! One service: its versions and instances, what is wrong with it, and what its pages and fragments embed.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

use super::{
    flows::{self, Edge},
    list::{Listed, Page, link},
    problems::{self, ProblemRow},
    services,
    words::{self, Mark, percent},
};
use crate::{
    Gateway, ServiceState, UnixMillis, WeightSource,
    admin::{
        api::channels::{self, ChannelState},
        page::digest::{Digest, Problem},
    },
    limits::PAGE_ROWS,
    registry::{
        instance::{FragmentProtocol, Instance, breaker::Work},
        steering::Steering,
    },
    routing::snapshot::{Service, Snapshot},
    stated_weights::{SharingRule, StatedWeights},
};

#[derive(Debug, Serialize)]
pub(super) struct ServicePage {
    mark: Mark,
    is_drained: bool,
    weights_link: String,
    weights_from: &'static str,
    versions: Vec<VersionRow>,
    instances: Page<InstanceRow>,
    problems: Vec<ProblemRow>,
    all_problems: usize,
    edges: Vec<Edge>,
    more_edges: usize,
    flows_link: String,
}

/// The form for weights.
#[derive(Debug, Serialize)]
pub(super) struct WeightsPage {
    link: String,
    weights_from: &'static str,
    versions: Vec<VersionRow>,
    /// Whether there are weights that can be taken back.
    is_stated: bool,
}

#[derive(Debug, Serialize)]
struct VersionRow {
    name: String,
    share: String,
    /// The share in percent, for a bar.
    width: f64,
    /// The stated weight.
    weight: Option<u32>,
    instances: usize,
    mark: Mark,
}

#[derive(Debug, Serialize)]
struct InstanceRow {
    id: String,
    address: String,
    version: String,
    protocol: &'static str,
    /// Its channel in words. `None`: it has none.
    channel: Option<String>,
    requests: u32,
    sockets: u32,
    is_drained: bool,
    mark: Mark,
}

/// `None`: the service is not registered.
pub(super) fn service(
    gateway: &Gateway,
    digest: &Digest,
    name: &str,
    listed: &Listed,
) -> Option<ServicePage> {
    let snapshot = gateway.publisher().snapshot();
    let service = snapshot.service(name)?;
    let steering = snapshot.steering();
    let state = gateway.service_state(name)?;
    let is_about = |problem: &&Problem| problem.service == name || problem.other.as_deref() == Some(name);
    let edges = flows::edges(gateway, digest, |from, to| from == name || to == name);
    let shown = |instance: &&Arc<Instance>| {
        listed.finds([instance.id.as_str(), &instance.version])
            && (!listed.only_trouble || is_trouble(instance, steering))
    };
    let instances: Vec<&Arc<Instance>> = service.active.iter().filter(shown).collect();
    Some(ServicePage {
        mark: services::mark(service, &snapshot),
        is_drained: state.drained,
        weights_link: link("/weights", &[("name", name)]),
        weights_from: source(&state),
        versions: versions(&state, service, &snapshot),
        instances: listed.page("/service", &[("name", name)], instances, |one| {
            row(gateway, one, service, steering)
        }),
        problems: digest
            .problems
            .iter()
            .filter(is_about)
            .take(PAGE_ROWS)
            .map(problems::row)
            .collect(),
        all_problems: digest.by_service.get(name).copied().unwrap_or(0),
        more_edges: edges.len().saturating_sub(PAGE_ROWS),
        edges: edges.into_iter().take(PAGE_ROWS).collect(),
        flows_link: link("/flows", &[("q", name)]),
    })
}

/// `None`: the service is not registered.
pub(super) fn weights(gateway: &Gateway, name: &str) -> Option<WeightsPage> {
    let snapshot = gateway.publisher().snapshot();
    let service = snapshot.service(name)?;
    let state = gateway.service_state(name)?;
    let mut versions = versions(&state, service, &snapshot);
    versions.extend(state.not_running.iter().map(|(version, weight)| VersionRow {
        name: version.clone(),
        share: percent(0.0),
        width: 0.0,
        weight: Some(*weight),
        instances: 0,
        mark: Mark::new("idle", "not running"),
    }));
    Some(WeightsPage {
        link: link("/service", &[("name", name)]),
        weights_from: source(&state),
        is_stated: matches!(state.weights_from, WeightSource::Operator),
        versions,
    })
}

fn source(state: &ServiceState) -> &'static str {
    match (state.weights_from, state.rule) {
        (WeightSource::Operator, Some(SharingRule::Newest)) => {
            "Operators stated that the newest version gets all visitors."
        }
        (WeightSource::Operator, Some(SharingRule::Equal)) => {
            "Operators stated that all versions get the same share."
        }
        (WeightSource::Configuration, Some(SharingRule::Newest)) => {
            "The configuration says that the newest version gets all visitors."
        }
        (WeightSource::Configuration, Some(SharingRule::Equal)) => {
            "The configuration says that all versions get the same share."
        }
        (WeightSource::Operator, None) => "Operators stated the weights.",
        (WeightSource::Configuration, None) => "The weights are those of the configuration.",
        (WeightSource::Instances, _) => {
            "No operator stated weights: those of the instances count, or else the rules for versions."
        }
    }
}

/// The newest first.
fn versions(state: &ServiceState, service: &Service, snapshot: &Snapshot) -> Vec<VersionRow> {
    let stated = snapshot.steering().weights(&state.service);
    let is_by_rule = stated.is_some_and(|stated| stated.rule().is_some());
    let stated = stated.and_then(StatedWeights::by_version);
    let weight = |version: &str| {
        let by_operators =
            stated.and_then(|all| all.get(version).or_else(|| all.get(&format!("v{version}"))));
        let mut of_version = service.active.iter().filter(|one| *one.version == *version);
        by_operators
            .copied()
            .or_else(|| of_version.find_map(|one| one.registration.weight.filter(|_| !is_by_rule)))
    };
    let row = |version: &crate::VersionState| VersionRow {
        name: version.version.clone(),
        share: percent(version.share),
        width: version.share * 100.0,
        weight: weight(&version.version),
        instances: version.instances.len(),
        mark: if version.closed {
            Mark::new("idle", "closed to visitors")
        } else if state.drained || version.instances.iter().all(|instance| instance.drained) {
            Mark::new("warn", "drained")
        } else if version.share > 0.0 {
            Mark::new("good", "open")
        } else {
            Mark::new("idle", "no share")
        },
    };
    state.versions.iter().rev().map(row).collect()
}

fn is_trouble(instance: &Instance, steering: &Steering) -> bool {
    !instance.breaker.is_closed() || services::is_drained(instance, steering)
}

/// What a drain does to visitors that stay.
fn drained(instance: &Instance, steering: &Steering, now: UnixMillis) -> String {
    let (id, process) = (instance.id.as_str(), instance.registration.active_since);
    match steering.leave(&instance.service, id, process) {
        None => "drained".to_owned(),
        Some(leave) if leave <= now => "drained, visitors left".to_owned(),
        Some(leave) => {
            let minutes = (leave.0 - now.0 + 59_999) / 60_000;
            format!("drained, visitors stay {minutes} min")
        }
    }
}

/// The channel of an instance in words.
fn channel(gateway: &Gateway, instance: &Instance) -> Option<String> {
    let ChannelState { gateway: place, here } = channels::state(instance, gateway.channels())?;
    let Some(here) = here else {
        return Some(match place {
            Some(place) => format!("at the gateway {place}"),
            None => "at another gateway".to_owned(),
        });
    };
    let opened = UNIX_EPOCH + Duration::from_millis(here.since);
    let age = words::age(SystemTime::now().duration_since(opened).unwrap_or_default());
    let round_trip = here
        .round_trip_ms
        .map(|ms| format!(", {}", words::time(Duration::from_secs_f64(ms / 1_000.0))));
    let requests = here.requests + here.served;
    Some(format!(
        "for {age}{}, {requests} in flight, {} in, {} out",
        round_trip.unwrap_or_default(),
        words::bytes(here.received_bytes),
        words::bytes(here.sent_bytes)
    ))
}

fn row(gateway: &Gateway, instance: &Instance, service: &Service, steering: &Steering) -> InstanceRow {
    let now = gateway.publisher().unix_now();
    let is_drained = services::is_drained(instance, steering);
    let is_open = || service.instances_for(None).any(|one| one.id == instance.id);
    InstanceRow {
        id: instance.id.to_string(),
        address: instance.address.authority.to_string(),
        version: instance.version.to_string(),
        protocol: match &instance.fragment_protocol {
            FragmentProtocol::Protocol1 => "1",
            FragmentProtocol::Protocol2 => "2",
            FragmentProtocol::Plain(_) => "plain HTTP",
        },
        channel: channel(gateway, instance),
        requests: instance.breaker.count(Work::Request).load(Relaxed),
        sockets: instance.breaker.count(Work::Socket).load(Relaxed),
        mark: if !instance.breaker.is_closed() {
            Mark::new("bad", "unreachable")
        } else if is_drained || steering.is_service_drained(&service.name) {
            Mark::new("warn", drained(instance, steering, now))
        } else if instance.breaker.is_suspect() {
            Mark::new("warn", "a connect failed")
        } else if is_open() {
            Mark::new("good", "takes visitors")
        } else {
            Mark::new("idle", "closed to visitors")
        },
        is_drained,
    }
}
