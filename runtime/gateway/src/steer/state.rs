//! What operators see of versions, weights and drains.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    config::GatewayConfig,
    registry::{instance::Instance, steering::Steering},
    routing::{snapshot::Service, weights::Shares},
    stated_weights::{SharingRule, StatedWeights},
};

/// The versions of one active service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceState {
    /// The name.
    pub service: String,
    /// Whether the whole service is drained.
    pub drained: bool,
    /// When visitors that stay leave the drained service, in milliseconds since 1970. `None`: when the drain ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leave_at: Option<i64>,
    /// Who stated the weights that count first.
    pub weights_from: WeightSource,
    /// The rule that was stated in place of weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<SharingRule>,
    /// The versions of its active instances, oldest first; then those that are drained altogether.
    pub versions: Vec<VersionState>,
    /// The stated weights of versions without an active instance.
    pub not_running: BTreeMap<String, u32>,
}

/// Who stated the weights of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightSource {
    /// An operator, at run time.
    Operator,
    /// The table `weights` of the configuration.
    Configuration,
    /// The instances, if any did.
    Instances,
}

/// One version of a service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VersionState {
    /// The name.
    pub version: String,
    /// The part of new visitors that it gets, between 0 and 1.
    pub share: f64,
    /// Whether its weight is a stated 0, so that it never gets an ordinary visitor.
    pub closed: bool,
    /// Its active instances.
    pub instances: Vec<InstanceState>,
}

/// One active instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstanceState {
    /// The id, by which it can be drained.
    pub id: String,
    /// Its host and port.
    pub address: String,
    /// Whether it is drained.
    pub drained: bool,
    /// When visitors that stay leave it, in milliseconds since 1970. `None`: when the drain ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leave_at: Option<i64>,
}

impl ServiceState {
    pub(super) fn of(service: &Service, steering: &Steering, config: &GatewayConfig) -> Self {
        let (name, shares) = (&*service.name, service.shares());
        let stated = steering.weights(name);
        let weights_from = match stated {
            None => WeightSource::Instances,
            // Weights of an operator that say the same as the configuration change nothing either.
            Some(weights) if config.weights.get(name) == Some(weights) => WeightSource::Configuration,
            Some(_) => WeightSource::Operator,
        };
        let mut instances: BTreeMap<&str, Vec<InstanceState>> = BTreeMap::new();
        for instance in &service.active {
            let state = instance_state(instance, steering);
            instances.entry(&instance.version).or_default().push(state);
        }
        let is_running = |stated: &str| {
            let number = stated.strip_prefix('v');
            instances.contains_key(stated) || number.is_some_and(|name| instances.contains_key(name))
        };
        let by_version = stated.and_then(StatedWeights::by_version);
        let not_running = by_version
            .into_iter()
            .flatten()
            .filter(|(name, _)| !is_running(name));
        let not_running = not_running
            .map(|(name, weight)| (name.clone(), *weight))
            .collect();
        Self {
            service: name.to_owned(),
            drained: steering.is_service_drained(name),
            leave_at: steering.service_leave(name).map(|leave| leave.0),
            weights_from,
            rule: stated.and_then(StatedWeights::rule),
            not_running,
            versions: versions(shares, instances),
        }
    }
}

fn versions(shares: &Shares, mut instances: BTreeMap<&str, Vec<InstanceState>>) -> Vec<VersionState> {
    let total: u64 = shares.versions().iter().map(|version| version.share).sum();
    #[expect(clippy::cast_precision_loss, reason = "a share is shown with few digits")]
    let part = |share: u64| share as f64 / total.max(1) as f64;
    let mut all: Vec<VersionState> = shares
        .versions()
        .iter()
        .map(|version| VersionState {
            version: version.name.to_string(),
            share: part(version.share),
            closed: version.is_closed,
            instances: instances.remove(&*version.name).unwrap_or_default(),
        })
        .collect();
    all.extend(instances.into_iter().map(|(version, instances)| VersionState {
        version: version.to_owned(),
        share: 0.0,
        closed: false,
        instances,
    }));
    all
}

fn instance_state(instance: &Instance, steering: &Steering) -> InstanceState {
    let (id, process) = (instance.id.as_str(), instance.registration.active_since);
    InstanceState {
        id: instance.id.to_string(),
        address: instance.address.authority.to_string(),
        drained: steering.is_instance_drained(id, process),
        leave_at: steering
            .leave(&instance.service, id, process)
            .map(|leave| leave.0),
    }
}
