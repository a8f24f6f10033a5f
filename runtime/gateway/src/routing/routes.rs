//! Turns the paths of registrations into routes: decides which service holds each path.
#![deny(clippy::disallowed_methods)]

use std::{
    cmp::Ordering,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use hydra_runtime_wire::{
    LeftOut,
    names::ServiceName,
    registration::Path,
    routes::{Route, RouteTable, SHARDS, Shard},
};

use super::services::Services;
use crate::registry::{
    instance::Instance,
    state::{RegistryEntry, View},
};

/// The routes, and the paths that several services claim.
#[derive(Debug, Default)]
pub(super) struct Routes {
    pub(super) version: u64,
    pub(super) table: RouteTable,
    /// By service: the paths that another service holds.
    pub(super) conflicts: HashMap<ServiceName, Vec<LeftOut>>,
    /// The same by shard. Shards without conflicts are absent.
    conflicts_by_shard: HashMap<usize, Arc<[(ServiceName, LeftOut)]>>,
    /// The instances from which the routes were built, sorted by id.
    claiming_instances: Vec<ClaimingInstance>,
}

/// An instance with its claims.
#[derive(Clone, Debug)]
struct ClaimingInstance {
    instance: Arc<Instance>,
    claims: Arc<[u64]>,
}

/// One path that an instance claims.
#[derive(Clone, Copy)]
struct Claim<'a> {
    entry: &'a RegistryEntry,
    /// The number of the service.
    number: u32,
    path: &'a Path,
    since: u64,
}

impl Routes {
    /// Builds the routes of a view with these services. Shards in which no path was added or removed are those of
    /// `previous`: their services still have the same numbers.
    pub(super) fn build(view: &View, services: &Services, previous: &Routes) -> Self {
        let touched = previous.touched_by(view);
        let mut claims: Vec<Vec<Claim<'_>>> = vec![Vec::new(); SHARDS];
        let entries = view.entries.iter();
        for claim in entries.flat_map(|entry| claims_of(entry, services)) {
            let shard = claim.path.shard_key.shard();
            if touched[shard] {
                claims[shard].push(claim);
            }
        }
        let mut conflicts_by_shard = previous.conflicts_by_shard.clone();
        let built = claims.into_iter().enumerate().filter(|(at, _)| touched[*at]);
        let built = built.map(|(at, claims)| {
            let (shard, left_out) = shard(&claims);
            conflicts_by_shard.remove(&at);
            if !left_out.is_empty() {
                conflicts_by_shard.insert(at, left_out.into());
            }
            (at, shard)
        });
        let table = previous.table.replaced(built);
        let claiming_instance = |entry: &RegistryEntry| ClaimingInstance {
            instance: Arc::clone(&entry.instance),
            claims: Arc::clone(&entry.claims),
        };
        Routes {
            version: view.routes_version,
            table,
            conflicts: by_service(&conflicts_by_shard),
            conflicts_by_shard,
            claiming_instances: view.entries.iter().map(claiming_instance).collect(),
        }
    }

    /// The shards with paths of instances that were added, removed, or claim other paths than before.
    fn touched_by(&self, view: &View) -> Vec<bool> {
        let mut touched = vec![false; SHARDS];
        let mut touch = |instance: &Instance| {
            for path in &instance.paths {
                touched[path.shard_key.shard()] = true;
            }
        };
        let (mut old, mut new) = (
            self.claiming_instances.iter().peekable(),
            view.entries.iter().peekable(),
        );
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return touched,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.instance.id.cmp(&new.instance.id),
            };
            let before = if order.is_le() { old.next() } else { None };
            let after = if order.is_ge() { new.next() } else { None };
            let is_same = before.zip(after).is_some_and(|(before, after)| {
                Arc::ptr_eq(&before.instance, &after.instance) && before.claims == after.claims
            });
            if !is_same {
                before
                    .into_iter()
                    .for_each(|claiming_instance| touch(&claiming_instance.instance));
                after.into_iter().for_each(|entry| touch(&entry.instance));
            }
        }
    }
}

fn claims_of<'a>(entry: &'a RegistryEntry, services: &Services) -> impl Iterator<Item = Claim<'a>> + use<'a> {
    // The services are made of the same entries, so each entry has one.
    let number = services.number(&entry.instance.service);
    let claims = entry.instance.paths.iter().zip(entry.claims.iter());
    claims.map(move |(path, since)| Claim {
        entry,
        number: number.unwrap_or(u32::MAX),
        path,
        since: *since,
    })
}

/// A shard with these claims, and the claims that lost.
fn shard(claims: &[Claim<'_>]) -> (Shard, Vec<(ServiceName, LeftOut)>) {
    let exact = claims.iter().filter(|claim| claim.path.shard_key.is_exact());
    let mut shard = Shard::with_capacity(exact.count());
    let mut contested: HashMap<&str, (u64, &ServiceName)> = HashMap::new();
    for Claim {
        entry,
        number,
        path,
        since,
    } in claims
    {
        let service = &entry.instance.service;
        let route = Route {
            service: service.shared(),
            number: *number,
            kind: path.kind,
            key: Arc::clone(&path.key),
            claim: *since,
        };
        if shard.insert(path.shard_key, &path.segments, route) {
            contested.insert(&path.key, (u64::MAX, service));
        }
    }
    let left_out = if contested.is_empty() {
        Vec::new()
    } else {
        left_out(claims, contested)
    };
    (shard, left_out)
}

/// The paths of each service that another service holds.
fn left_out<'a>(
    claims: &[Claim<'a>],
    mut contested: HashMap<&'a str, (u64, &'a ServiceName)>,
) -> Vec<(ServiceName, LeftOut)> {
    for Claim {
        entry, path, since, ..
    } in claims
    {
        if let Some(holder) = contested.get_mut(&*path.key) {
            *holder = (*holder).min((*since, &entry.instance.service));
        }
    }
    let mut told = HashSet::new();
    let lost = claims.iter().filter_map(|Claim { entry, path, .. }| {
        let service = &entry.instance.service;
        let (_, holder) = contested.get(&*path.key)?;
        (*holder != service && told.insert((service, &path.key))).then(|| {
            let reason = format!("the service `{holder}` holds the path");
            let path = entry.instance.as_written(path).to_owned();
            (service.clone(), LeftOut { path, reason })
        })
    });
    lost.collect()
}

/// The conflicts by service, in an order that does not depend on the shards.
fn by_service(
    conflicts_by_shard: &HashMap<usize, Arc<[(ServiceName, LeftOut)]>>,
) -> HashMap<ServiceName, Vec<LeftOut>> {
    let mut conflicts: HashMap<ServiceName, Vec<LeftOut>> = HashMap::new();
    for (service, left_out) in conflicts_by_shard
        .values()
        .flat_map(|conflicts_by_shard| conflicts_by_shard.iter())
    {
        conflicts
            .entry(service.clone())
            .or_default()
            .push(left_out.clone());
    }
    for left_out in conflicts.values_mut() {
        left_out.sort_by(|a, b| a.path.cmp(&b.path));
    }
    conflicts
}
