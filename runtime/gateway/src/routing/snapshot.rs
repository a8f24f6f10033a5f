//! The snapshot that all requests read: one immutable copy of the registry, replaced as a whole.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::{Arc, OnceLock},
};

use hydra_runtime_wire::{
    ActiveService, LeftOut, ServiceOverview,
    routes::{Route, RouteTable},
};

pub(crate) use super::service::{Choice, PinOutcome, Service};
use super::{routes::Routes, services::Services};
use crate::registry::{
    contracts::{self, Contracts},
    instance::Instance,
    state::View,
    steering::Steering,
};

/// An immutable copy of the registry, with its routes.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// The route hash. It changes whenever the overview does, and is equal on all gateways that know the same
    /// instances.
    pub(crate) hash: String,
    /// The version of the view from which the snapshot was built.
    pub(crate) version: u64,
    services: Services,
    is_split: bool,
    routes: Arc<Routes>,
    /// What operators changed, over the configuration.
    steering: Arc<Steering>,
    /// Computed when it is first needed.
    contracts: OnceLock<Contracts>,
}

impl Snapshot {
    /// Builds the snapshot of a view. If no path was added or removed since `previous`, its route table is reused.
    pub(crate) fn build(view: &View, previous: &Snapshot) -> Self {
        let services = Services::of(view, &previous.services);
        let is_same = previous.routes.version == view.routes_version && view.routes_version > 0;
        let routes = if is_same {
            Arc::clone(&previous.routes)
        } else {
            Arc::new(Routes::build(view, &services, &previous.routes))
        };
        let is_split = services.values().any(Service::is_split);
        Self {
            hash: route_hash(view),
            version: view.version,
            is_split,
            services,
            routes,
            steering: Arc::clone(&view.steering),
            contracts: OnceLock::new(),
        }
    }

    /// The routes.
    pub(crate) fn table(&self) -> &RouteTable {
        &self.routes.table
    }

    /// Whether some service shares its traffic among versions.
    pub(crate) fn is_split(&self) -> bool {
        self.is_split
    }

    /// A registered service, whether it is active or not.
    pub(crate) fn service(&self, name: &str) -> Option<&Service> {
        self.services.at(self.services.number(name)?)
    }

    /// The service that holds a route of [`Snapshot::table`].
    pub(crate) fn holder(&self, route: &Route) -> Option<&Service> {
        self.services.at(route.number)
    }

    /// What operators changed, over the configuration.
    pub(crate) fn steering(&self) -> &Steering {
        &self.steering
    }

    /// The paths of a service that another service holds.
    pub(crate) fn conflicts(&self, name: &str) -> &[LeftOut] {
        self.routes.conflicts.get(name).map_or(&[], Vec::as_slice)
    }

    /// The contracts of the active services.
    pub(crate) fn contracts(&self) -> &Contracts {
        let services = || {
            self.active_services()
                .map(|service| (&service.name, &service.active[..]))
        };
        self.contracts.get_or_init(|| Contracts::of(services()))
    }

    /// Every active service with its active instances, by name.
    pub(crate) fn overview(&self) -> Vec<ServiceOverview> {
        self.active_services()
            .map(|service| ServiceOverview {
                service_name: service.name.to_string(),
                active_services: service
                    .active
                    .iter()
                    .map(|instance| instance.registration.clone())
                    .collect(),
            })
            .collect()
    }

    /// The same for operators, with the paths that are not routed and the pages that contracts break.
    pub(crate) fn by_name(&self) -> BTreeMap<String, Vec<ActiveService>> {
        let registration = |instance: &Arc<Instance>| {
            let conflicts = self.conflicts(&instance.service).iter();
            let left_out = conflicts.chain(&instance.left_out).cloned().collect();
            ActiveService {
                left_out,
                contract_problems: contracts::problems(instance, self.contracts()),
                ..instance.registration.clone()
            }
        };
        self.active_services()
            .map(|service| {
                (
                    service.name.to_string(),
                    service.active.iter().map(registration).collect(),
                )
            })
            .collect()
    }

    /// The names of all active services, each with one instance that contains nothing else.
    pub(crate) fn names(&self) -> BTreeMap<String, Vec<ActiveService>> {
        let named = |service: &Service| {
            let name = service.name.to_string();
            let instance = ActiveService {
                name: Some(name.clone()),
                ..ActiveService::default()
            };
            (name, vec![instance])
        };
        self.active_services().map(named).collect()
    }

    /// The active instances of all services.
    pub(crate) fn active_instances(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.services.values().flat_map(|service| &service.active)
    }

    /// All registered services, by name.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values()
    }

    /// The services with an active instance, by name.
    pub(crate) fn active_services(&self) -> impl Iterator<Item = &Service> {
        self.services
            .values()
            .filter(|service| !service.active.is_empty())
    }
}

fn route_hash(view: &View) -> String {
    let mut hasher = DefaultHasher::new();
    for entry in view.entries.iter().filter(|entry| entry.is_active) {
        (entry.instance.id.as_str(), entry.instance.fingerprint).hash(&mut hasher);
    }
    // An inactive service keeps its routes, which answer 503.
    for entry in view.entries.iter().filter(|entry| !entry.is_active) {
        (entry.instance.id.as_str(), false).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests;
