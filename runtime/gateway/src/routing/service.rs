//! One service: chooses the instance for a request.
#![deny(clippy::disallowed_methods)]

mod newcomers;
mod stay;

use std::sync::{Arc, atomic::Ordering::Relaxed};

use hydra_runtime_wire::names::ServiceName;

pub(crate) use stay::PinOutcome;
use stay::Staying;

use crate::{
    Millis, UnixMillis,
    registry::{
        instance::{FragmentProtocol, Instance, breaker::Work},
        steering::Steering,
    },
    routing::weights::{InstanceWeight, Shares},
};

/// One service with its instances.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: ServiceName,
    pub(crate) active: Vec<Arc<Instance>>,
    /// The active instances that are not drained. Those that visitors may get come first: of a version that is not closed.
    taking: Vec<TakingInstance>,
    /// How many of them visitors may get.
    open: usize,
    /// The shares of the versions of all active instances that are not drained.
    shares: Shares,
    /// Whether all active instances have the same paths.
    is_uniform: bool,
    /// What concerns visitors that stay with one instance.
    staying: Staying,
}

/// An instance that is not drained.
#[derive(Debug)]
struct TakingInstance {
    instance: Arc<Instance>,
    /// The position of its version among the shares.
    version: usize,
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
    /// The version that the visitor previews instead of the seed's. It counts while it runs and serves the path.
    pub(crate) preview: Option<&'a str>,
    /// The protocol of the call: only instances of that protocol can read it. Any instance if `None`.
    pub(crate) fragment_protocol: Option<&'a FragmentProtocol>,
    pub(crate) now: Millis,
}

impl Service {
    /// Whether an instance speaks protocol 2, and so may make pages of fragments.
    pub(crate) fn makes_pages(&self) -> bool {
        let mut instances = self.active.iter();
        instances.any(|instance| instance.fragment_protocol == FragmentProtocol::Protocol2)
    }

    /// A service with these active instances, under what operators changed. `epoch` is the time at which the gateway started.
    pub(super) fn of(
        name: &ServiceName,
        active: Vec<Arc<Instance>>,
        steering: &Steering,
        epoch: UnixMillis,
    ) -> Self {
        let is_drained = |instance: &Arc<Instance>| {
            steering.is_service_drained(name)
                || steering.is_instance_drained(instance.id.as_str(), instance.registration.active_since)
        };
        let taking: Vec<&Arc<Instance>> = active.iter().filter(|one| !is_drained(one)).collect();
        let shares = Shares::of(
            taking.iter().map(|instance| weight(instance)),
            steering.weights(name),
        );
        let (mut taking, closed): (Vec<_>, Vec<_>) = taking
            .into_iter()
            .filter_map(|instance| {
                let version = shares.position(&instance.version)?;
                let instance = Arc::clone(instance);
                Some(TakingInstance { instance, version })
            })
            .partition(|one| !shares.versions()[one.version].is_closed);
        let open = taking.len();
        taking.extend(closed);
        let is_uniform = active.windows(2).all(|two| keys(&two[0]).eq(keys(&two[1])));
        let staying = Staying::of(name, &active, (&shares, open), steering, epoch);
        Self {
            name: name.clone(),
            taking,
            open,
            shares,
            is_uniform,
            staying,
            active,
        }
    }

    /// The same, which goes on with the turns of new visitors where those of `previous` concern the same instances.
    pub(super) fn after(mut self, previous: &Self) -> Self {
        let same = |(one, other): (&TakingInstance, &TakingInstance)| {
            Arc::ptr_eq(&one.instance, &other.instance) && one.version == other.version
        };
        if self.open == previous.open && self.open().iter().zip(previous.open()).all(same) {
            self.staying.go_on(&previous.staying);
        }
        self
    }

    /// The same service under other changes of operators.
    pub(crate) fn under(&self, steering: &Steering) -> Self {
        Self::of(&self.name, self.active.clone(), steering, UnixMillis(0))
    }

    /// Whether all active instances have the same paths.
    pub(crate) fn is_uniform(&self) -> bool {
        self.is_uniform
    }

    /// Whether visitors may get any instance: some are active, not drained, and of a version that is not closed.
    pub(crate) fn is_open(&self) -> bool {
        self.open > 0
    }

    /// The instances that visitors may get.
    fn open(&self) -> &[TakingInstance] {
        self.taking.get(..self.open).unwrap_or_default()
    }

    /// Whether a visitor may preview this version: it has an active instance that is not drained.
    pub(crate) fn has_preview(&self, version: &str) -> bool {
        self.shares.position(version).is_some()
    }

    /// The position of the version that a visitor previews, if it serves the path with this key.
    fn previewed(&self, version: Option<&str>, key: Option<&str>) -> Option<usize> {
        let version = self.shares.position(version?)?;
        let mut instances = self.taking.iter().filter(|one| one.version == version);
        let serves = |one: &TakingInstance| key.is_none_or(|key| self.is_uniform || one.instance.serves(key));
        instances.any(serves).then_some(version)
    }

    /// Whether this visitor gets an instance for the path with this key only because of the version that is previewed.
    pub(crate) fn is_opened_by(&self, preview: Option<&str>, key: &str) -> bool {
        self.previewed(preview, Some(key)).is_some()
    }

    /// The shares of the versions whose instances are not all drained.
    pub(crate) fn shares(&self) -> &Shares {
        &self.shares
    }

    /// The instances that a visitor with this preview may get.
    pub(crate) fn instances_for(&self, preview: Option<&str>) -> impl Iterator<Item = &Arc<Instance>> {
        let previewed = self.previewed(preview, None);
        let among = if previewed.is_some() {
            &self.taking
        } else {
            self.open()
        };
        let meant = among
            .iter()
            .filter(move |one| previewed.is_none_or(|version| version == one.version));
        meant.map(|one| &one.instance)
    }

    /// Whether the path with this key exists for ordinary visitors only when a version is opened: the active instances
    /// that serve it are of closed versions.
    pub(crate) fn is_closed(&self, key: &str) -> bool {
        let is_closed = |instance: &Arc<Instance>| {
            let version = self.shares.position(&instance.version);
            version.is_some_and(|at| self.shares.versions()[at].is_closed)
        };
        !self.is_uniform
            && !self.open().iter().any(|one| one.instance.serves(key))
            && self.active.iter().any(|one| one.serves(key) && is_closed(one))
    }

    /// Chooses an instance that is not in `tried` and whose breaker admits calls.
    pub(crate) fn choose(&self, choice: Choice<'_>, tried: &[Arc<Instance>]) -> Option<Arc<Instance>> {
        let previewed = self.previewed(choice.preview, choice.key);
        let (among, version) = match previewed {
            Some(_) => (&*self.taking, previewed),
            None if self.shares.count() < 2 => (self.open(), None),
            None => (self.open(), self.version_for(choice)),
        };
        let suits = |one: &&TakingInstance| {
            let instance = &one.instance;
            previewed.is_none_or(|version| version == one.version)
                && !tried.iter().any(|other| Arc::ptr_eq(other, instance))
                && choice
                    .key
                    .is_none_or(|key| self.is_uniform || instance.serves(key))
                && choice
                    .fragment_protocol
                    .is_none_or(|speaks| instance.fragment_protocol == *speaks)
        };
        let rank = |one: &&TakingInstance| {
            let is_other = version.is_some_and(|version| version != one.version);
            let breaker = &one.instance.breaker;
            (
                is_other,
                breaker.is_suspect() && !needs_no_port(&one.instance, choice),
                breaker.count(choice.work).load(Relaxed),
            )
        };
        let start = usize::try_from(choice.rotation)
            .unwrap_or(0)
            .checked_rem(among.len())?;
        let (before, after) = among.split_at_checked(start)?;
        let turned = || after.iter().chain(before).filter(suits);
        // The visitor's version comes first, but an instance of another version that answers is better than one that
        // does not. A preview shows its version or nothing: another one would mislead who tests it.
        turned()
            .filter(|one| one.instance.breaker.is_closed() || needs_no_port(&one.instance, choice))
            .min_by_key(rank)
            // If no instance can be reached, a request may be the probe: it would fail otherwise anyway.
            .or_else(|| turned().find(|one| one.instance.breaker.admits(choice.now)))
            .map(|one| Arc::clone(&one.instance))
    }

    /// Whether visitors get different versions of the service, even if only for some paths: if the version with all
    /// the traffic lacks a path, two other versions may share that path.
    pub(crate) fn is_split(&self) -> bool {
        self.shares.is_split() || (!self.is_uniform && self.shares.count() > 2)
    }

    /// The instance whose protocol and contract determine the form of a visitor's call: one of the visitor's version
    /// if that can be called. While a service is renewed, its versions may differ in both.
    pub(crate) fn model(&self, seed: u64, preview: Option<&str>, now: Millis) -> Option<&Arc<Instance>> {
        let previewed = self.previewed(preview, None);
        if let Some(version) = previewed {
            let mut instances = self.taking.iter();
            return instances
                .find(|one| one.version == version)
                .map(|one| &one.instance);
        }
        let version = self.shares.pick(seed);
        let preferred = self.open().iter().min_by_key(|one| {
            let breaker = &one.instance.breaker;
            let is_away = !(breaker.is_closed() || breaker.is_due(now) || one.instance.channel.is_some());
            (is_away, version != Some(one.version))
        });
        preferred.map(|one| &one.instance)
    }

    /// The visitor's version, or another one that serves the path if the visitor's does not.
    fn version_for(&self, choice: Choice<'_>) -> Option<usize> {
        let version = self.shares.pick(choice.seed);
        let Some(key) = choice.key.filter(|_| !self.is_uniform) else {
            return version;
        };
        let serves = |version| {
            let of_version = self.open().iter().filter(|one| one.version == version);
            of_version.into_iter().any(|one| one.instance.serves(key))
        };
        match version {
            Some(version) if serves(version) => Some(version),
            _ => self.shares.pick_among(choice.seed, serves),
        }
    }
}

/// Whether a call reaches the instance over its channel, whatever became of requests to its port.
fn needs_no_port(instance: &Instance, choice: Choice<'_>) -> bool {
    choice.fragment_protocol.is_some() && instance.channel.is_some()
}

fn keys(instance: &Instance) -> impl Iterator<Item = &str> {
    instance.paths.iter().map(|path| &*path.key)
}

/// What an instance states about its version.
fn weight(instance: &Instance) -> InstanceWeight<'_> {
    InstanceWeight {
        version: &instance.version,
        number: instance.registration.version,
        active_since: instance.registration.active_since,
        awakening: instance.registration.awakening.as_deref(),
        weight: instance.registration.weight,
    }
}
