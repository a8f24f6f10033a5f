//! What one gateway knows of the shared registry, and what it has to tell.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::link::Loaded;
use crate::{
    gateway::{
        Millis,
        registration::{self, Instance, InstanceId, Rules},
        registry::{Entry, Event, INACTIVE_AFTER, Registry, View, Who},
    },
    wire::ActiveService,
};

/// For so long after Redis was away, what it lacks counts as still there: other gateways are about to tell it.
const GRACE: u64 = 1_500;

/// An instance as it is kept in Redis.
#[derive(Serialize, Deserialize)]
struct Record {
    said: ActiveService,
    from: Option<IpAddr>,
    claims: Vec<u64>,
}

/// The mirror.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    registry: Registry,
    /// The record of each instance, as written in Redis.
    records: HashMap<InstanceId, String>,
    /// When this gateway last heard from the instances that speak to it.
    heard: HashMap<InstanceId, Millis>,
    /// Instances that registered here while Redis was away: what Redis says about them is older.
    untold: HashSet<InstanceId>,
    /// The route hash of what is known here.
    pub(super) hash: String,
    grace_until: Millis,
}

/// Something that Redis does not know yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ToTell {
    Record(InstanceId),
    Alive(InstanceId),
}

impl Mirror {
    pub(super) fn view(&self) -> View {
        self.registry.view()
    }

    pub(super) fn version(&self) -> u64 {
        self.registry.version()
    }

    pub(super) fn meant(&self, who: &Who) -> Vec<InstanceId> {
        self.registry.meant(who)
    }

    /// Takes a registration in and gives the record for Redis, with its newest claim. `claim` is for paths that its
    /// service did not claim before.
    pub(super) fn register(&mut self, instance: &Arc<Instance>, claim: u64, now: Millis) -> (String, u64) {
        let claims = self.registry.claims(instance, claim);
        let mut said = instance.said.clone();
        said.contract.clone_from(&instance.contract);
        let newest = claims.iter().copied().max().unwrap_or(claim);
        let record = Record {
            said,
            from: instance.from,
            claims: claims.to_vec(),
        };
        // It was read from JSON, so it can be written as JSON.
        let record = serde_json::to_string(&record).unwrap_or_default();
        let entry = Entry {
            instance: Arc::clone(instance),
            claims,
            is_active: true,
            seen: now,
        };
        self.registry.put_registered(entry);
        self.records.insert(instance.id.clone(), record.clone());
        self.heard.insert(instance.id.clone(), now);
        (record, newest)
    }

    /// The same while Redis is away: the claims come after all that are known.
    pub(super) fn register_alone(&mut self, instance: &Arc<Instance>, now: Millis) {
        let claim = self.registry.newest_claim() + 1;
        self.register(instance, claim, now);
        self.untold.insert(instance.id.clone());
    }

    /// Redis has the record now.
    pub(super) fn told(&mut self, id: &InstanceId) {
        self.untold.remove(id);
    }

    /// An instance spoke to this gateway.
    pub(super) fn alive(&mut self, who: Who, now: Millis) -> bool {
        for id in self.meant(&who) {
            self.heard.insert(id, now);
        }
        self.registry.apply(Event::Alive(who), now).known
    }

    pub(super) fn lost(&mut self, id: InstanceId, now: Millis) {
        self.heard.remove(&id);
        self.registry.apply(Event::Lost(id), now);
    }

    /// While Redis is away: only instances that speak to this gateway can be known to be silent.
    pub(super) fn expire_own(&mut self, now: Millis) {
        let silent: Vec<InstanceId> = self
            .heard
            .iter()
            .filter(|(_, heard)| now.0.saturating_sub(heard.0) > INACTIVE_AFTER)
            .map(|(id, _)| id.clone())
            .collect();
        for id in silent {
            self.lost(id, now);
        }
    }

    /// While Redis is there: who was silent here for too long is dead, and Redis says so, or speaks to another gateway.
    pub(super) fn forget_who_left(&mut self, now: Millis) {
        self.heard
            .retain(|_, heard| now.0.saturating_sub(heard.0) <= INACTIVE_AFTER);
    }

    /// Redis is back, or new: what it lacks is not gone yet.
    pub(super) fn begin_grace(&mut self, now: Millis) {
        self.grace_until = Millis(now.0 + GRACE);
    }

    /// Whether the mirror must be read again although the route hash is the same: a grace has ended.
    pub(super) fn ends_grace(&mut self, now: Millis) -> bool {
        let ends = self.grace_until > Millis(0) && now >= self.grace_until;
        if ends {
            self.grace_until = Millis(0);
        }
        ends
    }

    /// What Redis should know and does not. Outside of a grace it was told whenever somebody spoke here: where it says
    /// otherwise now, another gateway has news.
    pub(super) fn to_tell(&self, loaded: &Loaded, now: Millis) -> Vec<ToTell> {
        let records: HashSet<&str> = loaded.records.iter().map(|(id, _)| id.as_str()).collect();
        let active: HashSet<&str> = loaded.active.iter().map(String::as_str).collect();
        self.heard
            .iter()
            .filter(|(_, heard)| now.0.saturating_sub(heard.0) <= INACTIVE_AFTER)
            .filter_map(|(id, _)| {
                // Another gateway may have a newer record than we have, unless Redis could not be told of ours.
                if !records.contains(id.as_str()) || self.untold.contains(id) {
                    return Some(ToTell::Record(id.clone()));
                }
                let is_unsaid = now < self.grace_until && !active.contains(id.as_str());
                is_unsaid.then(|| ToTell::Alive(id.clone()))
            })
            .collect()
    }

    /// The record of an instance and its newest claim, to be written again.
    pub(super) fn record(&self, id: &InstanceId) -> Option<(String, u64)> {
        let claims = self
            .registry
            .get(id)
            .map(|entry| entry.claims.iter().copied().max().unwrap_or(0));
        Some((self.records.get(id)?.clone(), claims?))
    }

    /// Takes in what is in Redis.
    pub(super) fn install(&mut self, loaded: Loaded, rules: &Rules, now: Millis) {
        let active: HashSet<&str> = loaded.active.iter().map(String::as_str).collect();
        let mut entries: Vec<Entry> = Vec::with_capacity(loaded.records.len());
        let mut records = HashMap::with_capacity(loaded.records.len());
        for (id, record) in loaded.records {
            let is_active = active.contains(id.as_str());
            if let Some(entry) = self.entry(&id, &record, is_active, rules, now) {
                records.insert(entry.instance.id.clone(), record);
                entries.push(entry);
            }
        }
        if now < self.grace_until {
            self.keep(&mut entries, &mut records);
        }
        self.heard.retain(|id, _| records.contains_key(id));
        self.untold.retain(|id| records.contains_key(id));
        self.records = records;
        self.hash = loaded.hash;
        self.registry.install(entries);
    }

    /// The entry of a record. One that is known keeps its instance, and with it what is known of its health.
    fn entry(&self, id: &str, record: &str, is_active: bool, rules: &Rules, now: Millis) -> Option<Entry> {
        let known = self.registry.by_text(id).filter(|entry| {
            self.records
                .get(&entry.instance.id)
                .is_some_and(|known| known == record)
        });
        if let Some(known) = known {
            return Some(Entry {
                is_active,
                seen: now,
                ..known.clone()
            });
        }
        let Record { said, from, claims } = serde_json::from_str(record)
            .inspect_err(|error| tracing::warn!(id, %error, "a record in Redis cannot be read"))
            .ok()?;
        let instance = registration::check(said, from, rules)
            .inspect_err(|error| tracing::warn!(id, %error, "a record in Redis is refused here"))
            .ok()?;
        // Another release may read patterns otherwise. Its claims then come last.
        let claims = if claims.len() == instance.paths.len() {
            claims
        } else {
            vec![u64::MAX; instance.paths.len()]
        };
        Some(Entry {
            instance: Arc::new(instance),
            claims: claims.into(),
            is_active,
            seen: now,
        })
    }

    /// Keeps what is known here beside what Redis says: what is active on either side is active.
    fn keep(&self, entries: &mut Vec<Entry>, records: &mut HashMap<InstanceId, String>) {
        let places: HashMap<InstanceId, usize> = entries
            .iter()
            .enumerate()
            .map(|(place, entry)| (entry.instance.id.clone(), place))
            .collect();
        for known in self.registry.view().entries {
            let id = &known.instance.id;
            match places.get(id).and_then(|place| entries.get_mut(*place)) {
                Some(entry) => entry.is_active |= known.is_active,
                None => {
                    records.extend(self.records.get(id).map(|record| (id.clone(), record.clone())));
                    entries.push(known);
                }
            }
        }
    }
}
