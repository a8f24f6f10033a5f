//! The services and the routes of a snapshot, for operators.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeMap, HashSet},
    sync::atomic::Ordering::Relaxed,
};

use hydra_contract::ContractProblem;
use hydra_runtime_wire::{LeftOut, routes::RouteKind};
use serde::Serialize;

use super::channels::{self, ChannelState};
use crate::{
    channels::Channels,
    registry::{
        contracts,
        instance::{FragmentProtocol, Instance, breaker::Work},
    },
    routing::snapshot::Snapshot,
};

/// A registered service.
#[derive(Debug, Serialize)]
pub(super) struct ServiceState {
    name: String,
    /// Whether an instance is active.
    active: bool,
    instances: Vec<InstanceState>,
    /// The paths that another service holds.
    conflicts: Vec<LeftOut>,
}

/// An active instance.
#[derive(Debug, Serialize)]
pub(super) struct InstanceState {
    pub(super) id: String,
    pub(super) address: String,
    pub(super) version: i64,
    /// The name of its version; its number if it has no other name.
    version_name: String,
    /// The stated weight of its version.
    weight: Option<u32>,
    /// How it takes calls for fragments.
    protocol: &'static str,
    /// Whether requests go to it: its last connects did not fail.
    pub(super) reachable: bool,
    /// Its channel. `None`: it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<ChannelState>,
    /// Requests under way.
    requests: u32,
    /// Open WebSockets.
    sockets: u32,
    /// Paths that cannot be routed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<LeftOut>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    contract_problems: Vec<ContractProblem>,
}

impl InstanceState {
    pub(super) fn of(instance: &Instance) -> Self {
        let protocol = match &instance.fragment_protocol {
            FragmentProtocol::Protocol1 => "1",
            FragmentProtocol::Protocol2 => "2",
            FragmentProtocol::Plain(_) => "plain",
        };
        Self {
            id: instance.id.to_string(),
            address: instance.address.authority.to_string(),
            version: instance.registration.version,
            version_name: instance.version.to_string(),
            weight: instance.registration.weight,
            protocol,
            reachable: instance.breaker.is_closed(),
            channel: None,
            requests: instance.breaker.count(Work::Request).load(Relaxed),
            sockets: instance.breaker.count(Work::Socket).load(Relaxed),
            left_out: instance.left_out.clone(),
            contract_problems: Vec::new(),
        }
    }
}

/// All registered services, by name.
pub(super) fn services(snapshot: &Snapshot, channels: &Channels) -> Vec<ServiceState> {
    let instance = |instance: &_| InstanceState {
        channel: channels::state(instance, channels),
        contract_problems: contracts::problems(instance, snapshot.contracts()),
        ..InstanceState::of(instance)
    };
    let state = |service: &crate::routing::snapshot::Service| ServiceState {
        name: service.name.to_string(),
        active: !service.active.is_empty(),
        instances: service.active.iter().map(|one| instance(one)).collect(),
        conflicts: snapshot.conflicts(&service.name).to_vec(),
    };
    snapshot.services().map(state).collect()
}

/// A path, and where its requests go.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct RouteState {
    path: String,
    service: String,
    /// `endpoint`, `static` or `socket`.
    kind: &'static str,
    /// How many active instances serve it.
    instances: usize,
}

/// The word for a kind of route.
pub(in crate::admin) fn kind(kind: RouteKind) -> &'static str {
    match kind {
        RouteKind::Static => "static",
        RouteKind::Endpoint => "endpoint",
        RouteKind::Socket => "socket",
    }
}

/// All routes to active services, by path.
pub(super) fn routes(snapshot: &Snapshot) -> Vec<RouteState> {
    let mut routes: BTreeMap<(String, String), RouteState> = BTreeMap::new();
    for service in snapshot.active_services() {
        let conflicts = snapshot.conflicts(&service.name).iter();
        let left_out: HashSet<&str> = conflicts.map(|conflict| conflict.path.as_str()).collect();
        for path in service.active.iter().flat_map(|instance| &instance.paths) {
            let shown = path.key.to_string();
            if left_out.contains(shown.as_str()) {
                continue;
            }
            let name = service.name.to_string();
            let route = routes.entry((shown.clone(), name.clone()));
            let route = route.or_insert_with(|| RouteState {
                path: shown,
                service: name,
                kind: kind(path.kind),
                instances: 0,
            });
            route.instances += 1;
        }
    }
    routes.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hydra_runtime_wire::ActiveService;
    use serde_json::json;

    use super::*;
    use crate::{
        Millis,
        registry::{
            instance::{self, RegistrationRules},
            state::{Event, Registry},
        },
    };

    /// Each path compared with each path that is left out would be a hundred million steps.
    #[test]
    fn paths_without_number_that_another_service_holds_are_each_looked_up() {
        let mut registry = Registry::default();
        for (port, name) in [(1, "first"), (2, "second")] {
            let shared = (0..5_000).map(|n| format!("/shared/{n}"));
            let endpoints: Vec<String> = shared.chain([format!("/{name}")]).collect();
            let registration = json!({
                "host": "10.0.0.1", "port": port, "name": name, "protocol": 2, "endpoints": endpoints,
            });
            let registration: ActiveService = serde_json::from_value(registration).expect("a registration");
            let instance =
                instance::check(registration, None, &RegistrationRules::default()).expect("a good one");
            registry.apply(Event::Register(Arc::new(instance)), Millis(0));
        }
        let snapshot = Snapshot::build(&registry.view(), &Snapshot::default());
        let found = routes(&snapshot);
        let of = |name: &str| found.iter().filter(|route| route.service == name).count();
        // Each has the path of its static files, too.
        assert_eq!((of("first"), of("second")), (5_002, 2));
    }
}
