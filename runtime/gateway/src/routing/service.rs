//! One service: chooses the instance for a request.
#![deny(clippy::disallowed_methods)]

use std::sync::Arc;

use hydra_runtime_wire::names::ServiceName;

use crate::{
    Millis,
    registry::instance::{FragmentProtocol, Instance, breaker::Work},
    routing::weights::{InstanceWeight, Shares},
};

/// One service with its instances.
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
    /// Selects the version: the same for one visitor.
    pub(crate) seed: u64,
    /// Selects among the instances of a version: different for each request.
    pub(crate) rotation: u64,
    /// The path that the instance must serve; any instance if `None`.
    pub(crate) key: Option<&'a str>,
    /// The kind of work; the instance with the least of it is chosen.
    pub(crate) work: Work,
    /// The protocol of the call: only instances of that protocol can read it. Any instance if `None`.
    pub(crate) fragment_protocol: Option<&'a FragmentProtocol>,
    pub(crate) now: Millis,
}

impl Service {
    /// Chooses an instance that is not in `tried` and whose breaker admits calls.
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
                && choice
                    .fragment_protocol
                    .is_none_or(|speaks| instance.fragment_protocol == *speaks)
        };
        let rank = |instance: &&Arc<Instance>| {
            let is_other = version.is_some_and(|version| version != instance.registration.version);
            (
                is_other,
                instance.breaker.is_suspect(),
                instance
                    .breaker
                    .count(choice.work)
                    .load(std::sync::atomic::Ordering::Relaxed),
            )
        };
        let start = usize::try_from(choice.rotation)
            .unwrap_or(0)
            .checked_rem(self.active.len())?;
        let (before, after) = self.active.split_at_checked(start)?;
        let turned = || after.iter().chain(before).filter(suits);
        // The visitor's version comes first, but an instance of another version that answers is better than one that
        // does not.
        turned()
            .filter(|instance| instance.breaker.is_closed())
            .min_by_key(rank)
            // If no instance can be reached, a request may be the probe: it would fail otherwise anyway.
            .or_else(|| turned().find(|instance| instance.breaker.admits(choice.now)))
            .map(Arc::clone)
    }

    /// Whether visitors get different versions of the service, even if only for some paths: if the version with all
    /// the traffic lacks a path, two other versions may share that path.
    pub(crate) fn is_split(&self) -> bool {
        self.shares.is_split() || (!self.is_uniform && self.shares.count() > 2)
    }

    /// The instance whose protocol and contract determine the form of a visitor's call: one of the visitor's version
    /// if that can be called. While a service is renewed, its versions may differ in both.
    pub(crate) fn model(&self, seed: u64, now: Millis) -> Option<&Arc<Instance>> {
        let version = self.shares.pick(seed);
        self.active.iter().min_by_key(|instance| {
            let is_away = !(instance.breaker.is_closed() || instance.breaker.is_due(now));
            (is_away, version != Some(instance.registration.version))
        })
    }

    /// The visitor's version, or another one that serves the path if the visitor's does not.
    fn version_for(&self, choice: Choice<'_>) -> Option<i64> {
        let version = self.shares.pick(choice.seed);
        let Some(key) = choice.key.filter(|_| !self.is_uniform) else {
            return version;
        };
        let serving = || self.active.iter().filter(|instance| instance.serves(key));
        if serving().any(|instance| Some(instance.registration.version) == version) {
            return version;
        }
        shares(serving()).pick(choice.seed)
    }
}

/// A service with these instances.
pub(super) fn service(name: &ServiceName, active: Vec<Arc<Instance>>) -> Service {
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
    let stated: Vec<InstanceWeight> = instances
        .map(|instance| InstanceWeight {
            version: instance.registration.version,
            awakening: instance.registration.awakening.clone(),
            weight: instance.registration.weight,
        })
        .collect();
    Shares::of(&stated)
}
