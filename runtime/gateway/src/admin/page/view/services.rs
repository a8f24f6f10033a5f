//! The list of services.

use std::sync::atomic::Ordering::Relaxed;

use serde::Serialize;

use super::{
    list::{Listed, Page, link},
    words::{Mark, percent},
};
use crate::{
    Gateway,
    admin::page::digest::Digest,
    registry::{
        instance::{Instance, breaker::Work},
        steering::Steering,
    },
    routing::snapshot::{Service, Snapshot},
};

/// The most versions in the row of a service.
const MAX_VERSIONS: usize = 4;

#[derive(Debug, Serialize)]
pub(super) struct ServiceRow {
    name: String,
    link: String,
    mark: Mark,
    versions: Vec<VersionShare>,
    more_versions: usize,
    instances: usize,
    requests: u64,
    sockets: u64,
    problems: usize,
}

/// A version with its part of new visitors.
#[derive(Debug, Serialize)]
struct VersionShare {
    name: String,
    share: String,
}

pub(super) fn list(gateway: &Gateway, digest: &Digest, listed: &Listed) -> Page<ServiceRow> {
    let snapshot = gateway.publisher().snapshot();
    let problems = |service: &Service| digest.by_service.get(&*service.name).copied().unwrap_or(0);
    let is_shown = |service: &&Service| {
        let is_trouble = problems(service) > 0 || mark(service, &snapshot).kind != "good";
        listed.finds([&*service.name]) && (!listed.only_trouble || is_trouble)
    };
    let shown: Vec<&Service> = snapshot.services().filter(is_shown).collect();
    listed.page("/", &[], shown, |service| {
        let work = |kind: Work| {
            let counts = service.active.iter();
            counts
                .map(|one| u64::from(one.breaker.count(kind).load(Relaxed)))
                .sum()
        };
        ServiceRow {
            name: service.name.to_string(),
            link: link("/service", &[("name", &service.name)]),
            mark: mark(service, &snapshot),
            versions: shares(service),
            more_versions: service.shares().versions().len().saturating_sub(MAX_VERSIONS),
            instances: service.active.len(),
            requests: work(Work::Request),
            sockets: work(Work::Socket),
            problems: problems(service),
        }
    })
}

/// The newest versions first.
fn shares(service: &Service) -> Vec<VersionShare> {
    let versions = service.shares().versions();
    let total: u64 = versions.iter().map(|version| version.share).sum();
    #[expect(clippy::cast_precision_loss, reason = "a share is shown with few digits")]
    let share = |share: u64| percent(share as f64 / total.max(1) as f64);
    let newest = versions.iter().rev().take(MAX_VERSIONS);
    newest
        .map(|version| VersionShare {
            name: version.name.to_string(),
            share: share(version.share),
        })
        .collect()
}

/// Whether an instance is drained by itself.
pub(super) fn is_drained(instance: &Instance, steering: &Steering) -> bool {
    steering.is_instance_drained(instance.id.as_str(), instance.registration.active_since)
}

/// How a service is.
pub(super) fn mark(service: &Service, snapshot: &Snapshot) -> Mark {
    let unreachable = service
        .active
        .iter()
        .filter(|one| !one.breaker.is_closed())
        .count();
    let steering = snapshot.steering();
    let drained = service
        .active
        .iter()
        .filter(|one| is_drained(one, steering))
        .count();
    let all = service.active.len();
    if all == 0 {
        Mark::new("bad", "inactive")
    } else if unreachable == all {
        Mark::new("bad", "unreachable")
    } else if snapshot.steering().is_service_drained(&service.name) {
        Mark::new("warn", "drained")
    } else if !service.is_open() {
        Mark::new("bad", "no visitors")
    } else if unreachable > 0 {
        Mark::new("warn", format!("{unreachable} of {all} unreachable"))
    } else if drained > 0 {
        Mark::new("warn", format!("{drained} of {all} drained"))
    } else {
        Mark::new("good", "active")
    }
}
