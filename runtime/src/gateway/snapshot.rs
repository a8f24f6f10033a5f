//! What all requests read: one immutable picture of the registry, replaced as a whole.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeMap, HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::Arc,
};

use super::{
    Millis,
    names::ServiceName,
    pattern,
    registration::Instance,
    registry::{Entry, View},
    table::{Route, Table},
    weight::{Shares, Stated},
};
use crate::wire::{ActiveService, LeftOut, ServiceOverview};

/// The picture.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// Changes whenever the overview does, and is the same on every gateway that knows the same.
    pub(crate) hash: String,
    /// The version of the view that it was made of.
    pub(crate) version: u64,
    services: BTreeMap<ServiceName, Service>,
    routes: Arc<Routes>,
}

#[derive(Debug, Default)]
struct Routes {
    version: u64,
    table: Table,
    /// By service: the paths that another service holds.
    conflicts: HashMap<ServiceName, Vec<LeftOut>>,
}

/// One service with its active instances.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: ServiceName,
    pub(crate) active: Vec<Arc<Instance>>,
    shares: Shares,
    /// Whether all active instances have the same paths.
    is_uniform: bool,
}

/// How to choose among instances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<'a> {
    /// Decides about the version: the same for one visitor.
    pub(crate) seed: u64,
    /// Decides among the instances of a version: another one each time.
    pub(crate) turn: u64,
    /// Which instances serve it; any where `None`.
    pub(crate) key: Option<&'a str>,
    pub(crate) now: Millis,
}

impl Snapshot {
    /// Makes the picture of a view. Where no path came or went since `previous`, its table is used again.
    pub(crate) fn build(view: &View, previous: &Snapshot) -> Self {
        let is_same = previous.routes.version == view.routes_version && view.routes_version > 0;
        let routes = if is_same {
            Arc::clone(&previous.routes)
        } else {
            Arc::new(Routes::build(view))
        };
        Self {
            hash: route_hash(view),
            version: view.version,
            services: services(view),
            routes,
        }
    }

    /// The routes.
    pub(crate) fn table(&self) -> &Table {
        &self.routes.table
    }

    /// A service that is registered, active or not.
    pub(crate) fn service(&self, name: &str) -> Option<&Service> {
        self.services.get(name)
    }

    /// The paths of a service that another one holds.
    pub(crate) fn conflicts(&self, name: &str) -> &[LeftOut] {
        self.routes.conflicts.get(name).map_or(&[], Vec::as_slice)
    }

    /// Every active service with its active instances, by name.
    pub(crate) fn overview(&self) -> Vec<ServiceOverview> {
        self.active_services()
            .map(|service| ServiceOverview {
                service_name: service.name.to_string(),
                active_services: service
                    .active
                    .iter()
                    .map(|instance| instance.said.clone())
                    .collect(),
            })
            .collect()
    }

    /// The same for operators, with what is left out.
    pub(crate) fn by_name(&self) -> BTreeMap<String, Vec<ActiveService>> {
        let said = |instance: &Arc<Instance>| {
            let conflicts = self.conflicts(&instance.service).iter();
            let left_out = conflicts.chain(&instance.left_out).cloned().collect();
            ActiveService {
                left_out,
                ..instance.said.clone()
            }
        };
        self.active_services()
            .map(|service| {
                (
                    service.name.to_string(),
                    service.active.iter().map(said).collect(),
                )
            })
            .collect()
    }

    fn active_services(&self) -> impl Iterator<Item = &Service> {
        self.services
            .values()
            .filter(|service| !service.active.is_empty())
    }
}

impl Service {
    /// Chooses an instance. None of those in `tried`, and none that its breaker holds back.
    pub(crate) fn choose(&self, choice: Choice<'_>, tried: &[Arc<Instance>]) -> Option<Arc<Instance>> {
        let version = if self.shares.is_single() {
            None
        } else {
            self.version_for(choice)
        };
        let suits = |instance: &&Arc<Instance>| {
            !tried.iter().any(|one| Arc::ptr_eq(one, instance))
                && choice
                    .key
                    .is_none_or(|key| self.is_uniform || instance.serves(key))
        };
        let rank = |instance: &&Arc<Instance>| {
            let is_other = version.is_some_and(|version| version != instance.said.version);
            (
                is_other,
                instance
                    .breaker
                    .in_flight
                    .load(std::sync::atomic::Ordering::Relaxed),
            )
        };
        let start = usize::try_from(choice.turn)
            .unwrap_or(0)
            .checked_rem(self.active.len())?;
        let (before, after) = self.active.split_at_checked(start)?;
        let turned = || after.iter().chain(before).filter(suits);
        // A visitor's version comes first, but a version that answers is better than one that does not.
        let closed = turned()
            .filter(|instance| instance.breaker.is_closed())
            .min_by_key(rank);
        closed
            .or_else(|| turned().find(|instance| instance.breaker.admits(choice.now)))
            .map(Arc::clone)
    }

    fn version_for(&self, choice: Choice<'_>) -> Option<i64> {
        match choice.key {
            Some(key) if !self.is_uniform => {
                shares(self.active.iter().filter(|instance| instance.serves(key))).pick(choice.seed)
            }
            _ => self.shares.pick(choice.seed),
        }
    }
}

impl Routes {
    fn build(view: &View) -> Self {
        let mut holders: HashMap<&str, (u64, &ServiceName)> = HashMap::new();
        for (entry, path, claim) in claimed(view) {
            let claim = (claim, &entry.instance.service);
            let holder = holders.entry(&path.key).or_insert(claim);
            *holder = (*holder).min(claim);
        }
        let mut routes = Routes {
            version: view.routes_version,
            ..Routes::default()
        };
        for (entry, path, _) in claimed(view) {
            let service = &entry.instance.service;
            match holders.get(&*path.key) {
                Some((_, holder)) if *holder != service => routes.leave_out(entry, &path.key, holder),
                _ => routes.table.insert(
                    &path.segments,
                    Route {
                        service: service.shared(),
                        kind: path.kind,
                        key: Arc::clone(&path.key),
                    },
                ),
            }
        }
        routes
    }

    fn leave_out(&mut self, entry: &Entry, key: &str, holder: &str) {
        let has_key =
            |text: &&String| pattern::parse(text).is_ok_and(|segments| pattern::key(&segments) == key);
        let written = entry
            .instance
            .said
            .endpoints
            .iter()
            .find(has_key)
            .map_or(key, String::as_str);
        let left_out = LeftOut {
            path: written.to_owned(),
            reason: format!("the service `{holder}` holds the path"),
        };
        let conflicts = self.conflicts.entry(entry.instance.service.clone()).or_default();
        if !conflicts.contains(&left_out) {
            conflicts.push(left_out);
        }
    }
}

fn claimed(view: &View) -> impl Iterator<Item = (&Entry, &super::registration::Path, u64)> {
    view.entries.iter().flat_map(|entry| {
        entry
            .instance
            .paths
            .iter()
            .zip(entry.claims.iter())
            .map(move |(path, claim)| (entry, path, *claim))
    })
}

fn services(view: &View) -> BTreeMap<ServiceName, Service> {
    let mut active: BTreeMap<&ServiceName, Vec<Arc<Instance>>> = BTreeMap::new();
    for entry in &view.entries {
        let instances = active.entry(&entry.instance.service).or_default();
        if entry.is_active {
            instances.push(Arc::clone(&entry.instance));
        }
    }
    active
        .into_iter()
        .map(|(name, active)| (name.clone(), service(name, active)))
        .collect()
}

fn service(name: &ServiceName, active: Vec<Arc<Instance>>) -> Service {
    let keys = |instance: &Arc<Instance>| {
        instance
            .paths
            .iter()
            .map(|path| Arc::clone(&path.key))
            .collect::<Vec<_>>()
    };
    let is_uniform = active.len() < 2 || active.windows(2).all(|two| keys(&two[0]) == keys(&two[1]));
    Service {
        name: name.clone(),
        shares: shares(active.iter()),
        is_uniform,
        active,
    }
}

fn shares<'a>(instances: impl Iterator<Item = &'a Arc<Instance>>) -> Shares {
    let stated: Vec<Stated> = instances
        .map(|instance| Stated {
            version: instance.said.version,
            awakening: instance.said.awakening.clone(),
            weight: instance.said.weight,
        })
        .collect();
    Shares::of(&stated)
}

fn route_hash(view: &View) -> String {
    let mut hasher = DefaultHasher::new();
    for entry in view.entries.iter().filter(|entry| entry.is_active) {
        (entry.instance.id.as_str(), entry.instance.fingerprint).hash(&mut hasher);
    }
    // The routes of an inactive service are still routes: they answer 503.
    for entry in view.entries.iter().filter(|entry| !entry.is_active) {
        (entry.instance.id.as_str(), false).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
