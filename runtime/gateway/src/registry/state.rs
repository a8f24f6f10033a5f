//! Which instances are registered and active: a state machine over registrations, heartbeats and time (protocol
//! section 3).
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::Hash,
    net::IpAddr,
    sync::Arc,
};

use hydra_runtime_wire::names::ServiceName;

use crate::{
    Millis, UnixMillis,
    limits::{FORGOTTEN_AFTER_MS, INACTIVE_AFTER_MS, RegistryLimits},
    registry::{
        instance::{FragmentProtocol, Instance, InstanceId, channel_place::ChannelId},
        quota::{QuotaExceeded, UsageLedger},
        steering::Steering,
    },
};

/// An event that may change the registry.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// An instance registered, for the first time or again.
    Register(Arc<Instance>),
    /// A heartbeat.
    Heartbeat(HeartbeatSender),
    /// An instance is known to be gone.
    Lost(InstanceId),
    /// A channel has ended: its instance is gone, unless it has another channel or registered without one meanwhile.
    ChannelEnded {
        instance: InstanceId,
        channel: ChannelId,
    },
    /// This gateway did not run for this many milliseconds until now, and could hear no heartbeat meanwhile.
    Paused(u64),
    /// Time passed.
    Tick,
}

/// The sender of a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeartbeatSender {
    /// Protocol 1 sends only a name. It counts for the instances of that name that registered from the same address,
    /// or for all instances of that name if none did.
    ServiceName { name: String, from: Option<IpAddr> },
    /// Protocol 2 names the instance.
    Instance { name: String, instance: String },
    /// The gateway itself checked this configured instance.
    Configured(InstanceId),
    /// Channels to these instances are open.
    Held(Vec<InstanceId>),
}

/// What an event changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Whether the event was about an instance that is registered.
    pub(crate) known: bool,
    /// Whether a new snapshot must be published.
    pub(crate) published: bool,
    /// Why the event was refused. Then it changed nothing.
    pub(crate) denied: Option<RegistrationDenied>,
}

/// Why a valid registration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RegistrationDenied {
    #[error(transparent)]
    Quota(#[from] QuotaExceeded),
    #[error(
        "the service `{0}` has this address and is active; another service may register it only from the address itself"
    )]
    AddressTaken(ServiceName),
}

/// An instance in the registry.
#[derive(Clone, Debug)]
pub(crate) struct RegistryEntry {
    pub(crate) instance: Arc<Instance>,
    /// For each path of the instance, when its service first claimed it. The earliest claim holds the path.
    pub(crate) claims: Arc<[u64]>,
    pub(crate) is_active: bool,
    pub(crate) seen: Millis,
}

/// The state of the registry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    entries: BTreeMap<InstanceId, RegistryEntry>,
    by_name: HashMap<ServiceName, BTreeSet<InstanceId>>,
    /// By host and port.
    by_address: HashMap<Arc<str>, BTreeSet<InstanceId>>,
    ledger: UsageLedger,
    /// The limits on registrations. `None`: there are none, as for configured services.
    limits: Option<RegistryLimits>,
    sequence: u64,
    version: u64,
    routes_version: u64,
}

/// Everything that a snapshot is made of, copied at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    /// Sorted by instance.
    pub(crate) entries: Vec<RegistryEntry>,
    /// Grows with each change.
    pub(crate) version: u64,
    /// Grows whenever paths are added or removed.
    pub(crate) routes_version: u64,
    /// What operators changed at run time, over the configuration.
    pub(crate) steering: Arc<Steering>,
    /// The time at which the gateway started.
    pub(crate) epoch: UnixMillis,
}

impl Registry {
    /// A registry that refuses registrations beyond these limits, and those that would take the address of another
    /// service.
    pub(crate) fn limited(limits: RegistryLimits) -> Self {
        Self {
            limits: Some(limits),
            ..Self::default()
        }
    }

    /// Applies one event. `now` must not go backwards; if it does, nothing happens too early.
    pub(crate) fn apply(&mut self, event: Event, now: Millis) -> Changes {
        let changes = match event {
            Event::Register(instance) => self.register(instance, now),
            Event::Heartbeat(sender) => self.alive(&sender, now),
            Event::Lost(id) => self.lost(&id),
            Event::ChannelEnded { instance, channel } if self.has_channel(&instance, &channel) => {
                self.lost(&instance)
            }
            Event::ChannelEnded { .. } => Changes::default(),
            Event::Paused(length) => self.paused(length, now),
            Event::Tick => self.tick(now),
        };
        self.version += u64::from(changes.published);
        changes
    }

    /// A copy of the state.
    pub(crate) fn view(&self) -> View {
        View {
            entries: self.entries.values().cloned().collect(),
            version: self.version,
            routes_version: self.routes_version,
            steering: Arc::default(),
            epoch: UnixMillis::default(),
        }
    }

    /// The version that the next [`View`] will have.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Adds the entry of an instance that has just registered and was admitted. The displaced instances are removed.
    pub(crate) fn put_registered(&mut self, entry: RegistryEntry, displaced: &[InstanceId]) {
        let is_changed = self.replace(entry, displaced);
        self.version += u64::from(is_changed);
    }

    /// Checks whether a registration is admitted. Returns the instances that it displaces: inactive ones of other
    /// services at its address, and, if a service of protocol 2 registers from that address itself, all others there
    /// (protocol section 1).
    pub(crate) fn admit(&self, instance: &Instance) -> Result<Vec<InstanceId>, RegistrationDenied> {
        let Some(limits) = self.limits else {
            return Ok(Vec::new());
        };
        let mut displaced = Vec::new();
        let is_from_there = instance.is_from_its_address();
        let is_alone = is_from_there && instance.fragment_protocol == FragmentProtocol::Protocol2;
        for other in self.at_address(instance) {
            let is_same_service = other.instance.service == instance.service;
            if is_alone || (!is_same_service && !other.is_active) {
                displaced.push(other.instance.id.clone());
            } else if !is_same_service && !is_from_there {
                return Err(RegistrationDenied::AddressTaken(other.instance.service.clone()));
            } else if !is_same_service && !self.entries.contains_key(&instance.id) {
                let (service, other) = (&*instance.service, &*other.instance.service);
                let address = &*instance.address.authority;
                tracing::warn!(
                    service,
                    other,
                    address,
                    "two services have registered the same address, and both send heartbeats"
                );
            }
        }
        let old = self.entries.get(&instance.id).map(|entry| entry.instance.usage());
        self.ledger.check(&instance.usage(), old.as_ref(), limits)?;
        Ok(displaced)
    }

    /// The other instances with the same host and port.
    fn at_address(&self, instance: &Instance) -> impl Iterator<Item = &RegistryEntry> {
        let ids = self
            .by_address
            .get(&instance.address.authority)
            .into_iter()
            .flatten();
        ids.filter(|id| **id != instance.id)
            .filter_map(|id| self.entries.get(id))
    }

    /// Replaces the whole state by these entries.
    pub(crate) fn install(&mut self, entries: Vec<RegistryEntry>) {
        let mut gone: BTreeSet<InstanceId> = self.entries.keys().cloned().collect();
        let mut is_changed = false;
        for entry in entries {
            gone.remove(&entry.instance.id);
            is_changed |= self.put(entry);
        }
        for id in gone {
            self.forget(&id);
            is_changed = true;
        }
        self.version += u64::from(is_changed);
    }

    /// The latest claim to any path.
    pub(crate) fn newest_claim(&self) -> u64 {
        self.entries
            .values()
            .flat_map(|entry| entry.claims.iter().copied())
            .max()
            .unwrap_or(0)
    }

    /// The entry of the instance whose id has this text.
    pub(crate) fn by_text(&self, id: &str) -> Option<&RegistryEntry> {
        self.entries.get(id)
    }

    /// The entry of an instance.
    pub(crate) fn get(&self, id: &InstanceId) -> Option<&RegistryEntry> {
        self.entries.get(id)
    }

    /// When the service first claimed each path of `instance`; `sequence` for paths that it claims now.
    pub(crate) fn claims(&self, instance: &Instance, sequence: u64) -> Arc<[u64]> {
        let mut known: HashMap<&str, u64> = HashMap::new();
        for entry in self.instances_of(&instance.service) {
            for (path, claim) in entry.instance.paths.iter().zip(entry.claims.iter()) {
                let first = known.entry(&path.key).or_insert(*claim);
                *first = (*first).min(*claim);
            }
        }
        instance
            .paths
            .iter()
            .map(|path| known.get(&*path.key).copied().unwrap_or(sequence))
            .collect()
    }

    fn register(&mut self, instance: Arc<Instance>, now: Millis) -> Changes {
        let displaced = match self.admit(&instance) {
            Ok(displaced) => displaced,
            Err(denied) => {
                return Changes {
                    denied: Some(denied),
                    ..Changes::default()
                };
            }
        };
        self.sequence += 1;
        let claims = self.claims(&instance, self.sequence);
        let entry = RegistryEntry {
            instance,
            claims,
            is_active: true,
            seen: now,
        };
        Changes {
            known: true,
            published: self.replace(entry, &displaced),
            denied: None,
        }
    }

    fn replace(&mut self, entry: RegistryEntry, displaced: &[InstanceId]) -> bool {
        for id in displaced {
            self.forget(id);
        }
        self.put_fresh(entry) || !displaced.is_empty()
    }

    /// An instance that registers has just started or was found again: earlier failures say nothing about it.
    fn put_fresh(&mut self, entry: RegistryEntry) -> bool {
        let id = entry.instance.id.clone();
        let is_changed = self.put(entry);
        if let Some(entry) = self.entries.get(&id) {
            entry.instance.breaker.succeeded();
        }
        is_changed
    }

    /// Replaces the entry of an instance. Returns whether anything but the time changed.
    fn put(&mut self, mut entry: RegistryEntry) -> bool {
        let id = entry.instance.id.clone();
        if let Some(old) = self.entries.get(&id) {
            let is_same = old.instance.fingerprint == entry.instance.fingerprint
                && old.instance.service == entry.instance.service
                && old.instance.login_key == entry.instance.login_key
                && old.claims == entry.claims;
            let is_there = old.instance.channel == entry.instance.channel;
            if is_same && is_there && old.is_active == entry.is_active {
                entry.instance = Arc::clone(&old.instance);
                self.entries.insert(id, entry);
                return false;
            }
            self.routes_version += u64::from(!is_same);
        } else {
            self.routes_version += 1;
        }
        self.remove_from_index(&id);
        self.by_name
            .entry(entry.instance.service.clone())
            .or_default()
            .insert(id.clone());
        self.by_address
            .entry(Arc::clone(&entry.instance.address.authority))
            .or_default()
            .insert(id.clone());
        self.ledger.add(&entry.instance.usage());
        self.entries.insert(id, entry);
        true
    }

    fn alive(&mut self, sender: &HeartbeatSender, now: Millis) -> Changes {
        let ids = self.instances_of_sender(sender);
        let mut changes = Changes {
            known: !ids.is_empty(),
            ..Changes::default()
        };
        for id in ids {
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.seen = entry.seen.max(now);
                changes.published |= !entry.is_active;
                entry.is_active = true;
            }
        }
        changes
    }

    /// The instances for which a heartbeat counts.
    pub(crate) fn instances_of_sender(&self, sender: &HeartbeatSender) -> Vec<InstanceId> {
        let ids = |entries: Vec<&RegistryEntry>| {
            entries
                .into_iter()
                .map(|entry| entry.instance.id.clone())
                .collect()
        };
        match sender {
            HeartbeatSender::Configured(id) => ids(self.entries.get(id).into_iter().collect()),
            HeartbeatSender::Held(held) => ids(held.iter().filter_map(|id| self.entries.get(id)).collect()),
            HeartbeatSender::Instance { name, instance } => ids(self
                .instances_of(name)
                .filter(|entry| entry.instance.registration.instance.as_deref() == Some(instance))
                .collect()),
            HeartbeatSender::ServiceName { name, from } => {
                let all: Vec<&RegistryEntry> = self.instances_of(name).collect();
                let near: Vec<&RegistryEntry> = all
                    .iter()
                    .copied()
                    .filter(|entry| from.is_some() && entry.instance.from == *from)
                    .collect();
                ids(if near.is_empty() { all } else { near })
            }
        }
    }

    /// Whether the registry knows the instance with this channel.
    pub(crate) fn has_channel(&self, id: &InstanceId, channel: &ChannelId) -> bool {
        let place = self
            .entries
            .get(id)
            .and_then(|entry| entry.instance.channel.as_ref());
        place.is_some_and(|place| place.id == *channel)
    }

    fn lost(&mut self, id: &InstanceId) -> Changes {
        let Some(entry) = self.entries.get_mut(id) else {
            return Changes::default();
        };
        let published = entry.is_active;
        entry.is_active = false;
        Changes {
            known: true,
            published,
            denied: None,
        }
    }

    /// Gives each active instance as much time for its next heartbeat as it had when the gateway paused.
    fn paused(&mut self, length: u64, now: Millis) -> Changes {
        for entry in self.entries.values_mut().filter(|entry| entry.is_active) {
            entry.seen = later(entry.seen, length, now);
        }
        Changes::default()
    }

    fn tick(&mut self, now: Millis) -> Changes {
        let mut changes = Changes::default();
        let mut forgotten = Vec::new();
        for (id, entry) in &mut self.entries {
            let silence = now.0.saturating_sub(entry.seen.0);
            if silence > FORGOTTEN_AFTER_MS {
                forgotten.push(id.clone());
            } else if silence > INACTIVE_AFTER_MS && entry.is_active {
                entry.is_active = false;
                changes.published = true;
            }
        }
        for id in forgotten {
            self.forget(&id);
            changes.published = true;
        }
        changes
    }

    fn forget(&mut self, id: &InstanceId) {
        self.remove_from_index(id);
        self.entries.remove(id);
        self.routes_version += 1;
    }

    fn instances_of(&self, name: &str) -> impl Iterator<Item = &RegistryEntry> {
        self.by_name
            .get(name)
            .into_iter()
            .flatten()
            .filter_map(|id| self.entries.get(id))
    }

    fn remove_from_index(&mut self, id: &InstanceId) {
        let Some(entry) = self.entries.get(id) else { return };
        self.ledger.remove(&entry.instance.usage());
        without(&mut self.by_name, &entry.instance.service, id);
        without(&mut self.by_address, &entry.instance.address.authority, id);
    }
}

/// A moment moved forward by `length` milliseconds, but not into the future.
pub(crate) fn later(seen: Millis, length: u64, now: Millis) -> Millis {
    seen.max(now.min(Millis(seen.0.saturating_add(length))))
}

/// Removes an instance from an index.
fn without<K: Eq + Hash>(index: &mut HashMap<K, BTreeSet<InstanceId>>, key: &K, id: &InstanceId) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
