//! One gateway's copy of the shared registry, and the changes that Redis does not have yet.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    link::Listing,
    record::{self, BadRecord, DecodedRecord},
    seal::Seal,
};
use crate::{
    Millis,
    limits::{INACTIVE_AFTER_MS, RECONNECT_GRACE_MS, RegistryLimits},
    registry::{
        instance::{FragmentProtocol, Instance, InstanceId, channel_place::ChannelId},
        quota::UsageLedger,
        state::{Event, HeartbeatSender, RegistrationDenied, Registry, RegistryEntry, View, later},
    },
};

/// The copy of the registry, with the state of its synchronization.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    registry: Registry,
    limits: RegistryLimits,
    /// The record of each instance, as it is stored in Redis.
    records: HashMap<InstanceId, StoredRecord>,
    /// When this gateway last received a heartbeat of an instance.
    heard: HashMap<InstanceId, Millis>,
    /// Instances whose registration could not be sent to Redis: what Redis has about them is older.
    unsent: HashSet<InstanceId>,
    /// Instances that send heartbeats here and that Redis did not know.
    missing: HashSet<InstanceId>,
    /// Instances that were told to use a gateway that reaches Redis: they had the time to send heartbeats there.
    redirected: HashSet<InstanceId>,
    /// Records that are ignored, with their stamps.
    ignored: HashMap<String, String>,
    /// The route hash of the state in the mirror.
    pub(super) hash: String,
    generation: String,
    /// Whether Redis lost the data that the mirror has.
    is_data_lost: bool,
    /// Whether everything that other gateways know was read once.
    is_complete: bool,
    grace_until: Millis,
}

/// A record as it is stored in Redis.
#[derive(Clone, Debug)]
struct StoredRecord {
    /// Empty if the stamp is unknown.
    stamp: String,
    text: String,
}

/// Fetched records, by instance.
pub(super) type FetchedRecords = HashMap<String, FetchedRecord>;

/// One fetched record.
#[derive(Debug)]
pub(super) struct FetchedRecord {
    /// The stamp that was listed before the fetch.
    pub(super) stamp: String,
    pub(super) found: Result<DecodedRecord, BadRecord>,
}

/// A record to write.
#[derive(Debug)]
pub(super) struct RecordUpdate {
    pub(super) text: String,
    /// The newest of its claims.
    pub(super) newest: u64,
    /// Instances that are removed because this one has their address now.
    pub(super) displaced: Vec<InstanceId>,
}

/// Something that Redis does not know yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PendingUpdate {
    Record(InstanceId),
    /// The record of an active instance that sends no heartbeats here: the gateway that received them may be away.
    Active(InstanceId),
    /// The record of a silent instance.
    Inactive(InstanceId),
    Alive(InstanceId),
}

impl Mirror {
    /// An empty mirror with these limits.
    pub(super) fn new(limits: RegistryLimits) -> Self {
        Self {
            registry: Registry::limited(limits),
            limits,
            ..Self::default()
        }
    }

    pub(super) fn view(&self) -> View {
        self.registry.view()
    }

    pub(super) fn version(&self) -> u64 {
        self.registry.version()
    }

    pub(super) fn instances_of_sender(&self, sender: &HeartbeatSender) -> Vec<InstanceId> {
        self.registry.instances_of_sender(sender)
    }

    /// Whether everything that other gateways know was read once.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Adds a registration, and returns the record for Redis. `claim` is for paths that the service did not claim
    /// before. `None` while Redis is away: then the new claims come after all known ones.
    pub(super) fn register(
        &mut self,
        instance: &Arc<Instance>,
        claim: Option<&u64>,
        seal: &Seal,
        now: Millis,
    ) -> Result<RecordUpdate, RegistrationDenied> {
        let displaced = self.registry.admit(instance)?;
        let claim = claim
            .copied()
            .unwrap_or_else(|| self.registry.newest_claim().saturating_add(1));
        let claims = self.registry.claims(instance, claim);
        let newest = claims.iter().copied().max().unwrap_or(claim);
        let text = record::write(instance, &claims, seal);
        let entry = RegistryEntry {
            instance: Arc::clone(instance),
            claims,
            is_active: true,
            seen: now,
        };
        self.registry.put_registered(entry, &displaced);
        for id in &displaced {
            self.records.remove(id);
            self.heard.remove(id);
            self.unsent.remove(id);
        }
        let kept = StoredRecord {
            stamp: String::new(),
            text: text.clone(),
        };
        self.records.insert(instance.id.clone(), kept);
        self.heard.insert(instance.id.clone(), now);
        Ok(RecordUpdate {
            text,
            newest,
            displaced,
        })
    }

    /// Records that Redis is away and could not be told of this registration.
    pub(super) fn mark_unsent(&mut self, id: &InstanceId) {
        self.unsent.insert(id.clone());
        self.redirect(std::slice::from_ref(id));
    }

    /// Whether one of these instances is known.
    pub(super) fn knows_any(&self, ids: &[InstanceId]) -> bool {
        ids.iter().any(|id| self.registry.get(id).is_some())
    }

    /// Records that Redis has the record now, under this stamp.
    pub(super) fn confirm_stored(&mut self, id: &InstanceId, stamp: Option<&String>) {
        self.unsent.remove(id);
        self.missing.remove(id);
        if let (Some(kept), Some(stamp)) = (self.records.get_mut(id), stamp) {
            kept.stamp.clone_from(stamp);
        }
    }

    /// Records that Redis lacks these instances, although they send heartbeats.
    pub(super) fn mark_missing(&mut self, ids: impl Iterator<Item = InstanceId>) {
        self.missing.extend(ids);
    }

    /// Records a heartbeat to this gateway.
    pub(super) fn alive(&mut self, sender: HeartbeatSender, now: Millis) -> bool {
        for id in self.instances_of_sender(&sender) {
            self.heard.insert(id, now);
        }
        self.registry.apply(Event::Heartbeat(sender), now).known
    }

    /// Records that these instances were told of the outage. Those of protocol 2 understand it, and go to another
    /// gateway.
    pub(super) fn redirect(&mut self, ids: &[InstanceId]) {
        let understands = |id: &&InstanceId| {
            let entry = self.registry.get(id);
            entry.is_some_and(|entry| entry.instance.fragment_protocol == FragmentProtocol::Protocol2)
        };
        self.redirected.extend(ids.iter().filter(understands).cloned());
    }

    /// The stamp of an instance's record, if it is the one with this channel. It may be empty: then it is unknown.
    pub(super) fn stamp_with_channel(&self, id: &InstanceId, channel: &ChannelId) -> Option<String> {
        let kept = self.records.get(id);
        let kept = kept.filter(|_| self.registry.has_channel(id, channel))?;
        Some(kept.stamp.clone())
    }

    pub(super) fn lost(&mut self, id: InstanceId, now: Millis) {
        self.heard.remove(&id);
        self.registry.apply(Event::Lost(id), now);
    }

    /// Records that this gateway did not run for this many milliseconds until now, and could hear no heartbeat
    /// meanwhile.
    pub(super) fn paused(&mut self, length: u64, now: Millis) {
        for heard in self.heard.values_mut() {
            *heard = later(*heard, length, now);
        }
    }

    /// While Redis is reachable, forgets instances that were silent here for too long: they are gone, and Redis will
    /// say so, or they send heartbeats to another gateway.
    pub(super) fn forget_silent(&mut self, now: Millis) {
        self.heard.retain(|_, heard| !is_silent(*heard, now));
    }

    /// Records that Redis is reachable again, with this generation of data: an instance that it lacks is not gone
    /// yet.
    pub(super) fn reconnected(&mut self, generation: &str, now: Millis) {
        self.is_data_lost |= self.is_other_generation(generation);
        generation.clone_into(&mut self.generation);
        self.grace_until = Millis(now.0 + RECONNECT_GRACE_MS);
    }

    /// Whether this generation of data is not the one that the mirror has.
    pub(super) fn is_other_generation(&self, generation: &str) -> bool {
        !self.generation.is_empty() && self.generation != generation
    }

    /// Whether the registry must be read although its route hash is the same: a period of grace has ended.
    pub(super) fn ends_grace(&mut self, now: Millis) -> bool {
        let ends = self.grace_until > Millis(0) && now >= self.grace_until;
        if ends {
            self.grace_until = Millis(0);
        }
        ends
    }

    /// The records that must be fetched, with their stamps.
    pub(super) fn wanted(&self, listing: &Listing, fetched: &FetchedRecords) -> Vec<(String, String)> {
        let is_known = |id: &str, stamp: &String| {
            let kept = self.records.get(id).is_some_and(|kept| kept.stamp == *stamp);
            let is_fetched = fetched.get(id).is_some_and(|piece| piece.stamp == *stamp);
            kept || is_fetched || self.ignored.get(id) == Some(stamp)
        };
        let wanted = listing.stamps.iter().filter(|(id, stamp)| !is_known(id, stamp));
        wanted.map(|(id, stamp)| (id.clone(), stamp.clone())).collect()
    }

    /// What Redis should know but does not. Outside of a period of grace, Redis was told with each heartbeat here: if
    /// it says otherwise now, another gateway has newer information.
    pub(super) fn updates_due(
        &self,
        listing: &Listing,
        fetched: &FetchedRecords,
        now: Millis,
    ) -> Vec<PendingUpdate> {
        let is_spoiled = |id: &str, stamp: &String| {
            let is_bad = |piece: &FetchedRecord| piece.stamp == *stamp && piece.found.is_err();
            fetched.get(id).is_some_and(is_bad) || self.ignored.get(id) == Some(stamp)
        };
        let is_there = |id: &InstanceId| {
            let stamp = listing.stamps.get(id.as_str());
            stamp.is_some_and(|stamp| !is_spoiled(id.as_str(), stamp)) && !self.missing.contains(id)
        };
        // During a period of grace no address counts as taken: after a loss of data, Redis knows only the instances
        // that happen to be back already.
        let taken = if now < self.grace_until {
            HashSet::new()
        } else {
            self.taken_addresses(listing)
        };
        let is_displaced = |id: &InstanceId| taken.contains(InstanceId::address_in(id.as_str()));
        let speaking = self.heard.iter().filter(|(_, heard)| !is_silent(**heard, now));
        let mut updates_due: Vec<PendingUpdate> = speaking
            .filter_map(|(id, _)| {
                // Another gateway may have a newer record than this one, unless Redis could not be told of this one.
                if self.unsent.contains(id) || (!is_there(id) && !is_displaced(id)) {
                    return Some(PendingUpdate::Record(id.clone()));
                }
                let is_unsaid = now < self.grace_until && !listing.active.contains(id.as_str());
                is_unsaid.then(|| PendingUpdate::Alive(id.clone()))
            })
            .collect();
        if self.is_data_lost {
            let speaks = |id: &InstanceId| self.heard.get(id).is_some_and(|heard| !is_silent(*heard, now));
            let others = self.records.keys().filter(|id| !speaks(id) && !is_there(id));
            updates_due.extend(others.map(|id| match self.registry.get(id) {
                // A redirected instance had the time to send heartbeats elsewhere.
                Some(entry) if entry.is_active && !self.redirected.contains(id) => {
                    PendingUpdate::Active(id.clone())
                }
                _ => PendingUpdate::Inactive(id.clone()),
            }));
        }
        updates_due
    }

    /// The addresses of active instances that other gateways registered.
    fn taken_addresses<'a>(&self, listing: &'a Listing) -> HashSet<&'a str> {
        let active = listing.active.iter().map(String::as_str);
        let news = active.filter(|id| !self.records.contains_key(*id));
        news.map(InstanceId::address_in).collect()
    }

    /// The record of an instance, to be written again.
    pub(super) fn record(&self, id: &InstanceId) -> Option<RecordUpdate> {
        let claims = &self.registry.get(id)?.claims;
        Some(RecordUpdate {
            text: self.records.get(id)?.text.clone(),
            newest: claims.iter().copied().max().unwrap_or(0),
            displaced: Vec::new(),
        })
    }

    /// Installs the state of Redis. Returns the records that are ignored from now on.
    pub(super) fn install(
        &mut self,
        listing: Listing,
        mut fetched: FetchedRecords,
        now: Millis,
    ) -> Vec<(String, BadRecord)> {
        let mut entries: Vec<RegistryEntry> = Vec::with_capacity(listing.stamps.len());
        let mut records = HashMap::with_capacity(listing.stamps.len());
        let (mut ignored, mut news) = (HashMap::new(), Vec::new());
        let mut ledger = UsageLedger::default();
        for (id, stamp) in listing.stamps {
            let is_active = listing.active.contains(&id);
            let piece = fetched.remove(&id).filter(|piece| piece.stamp == stamp);
            match piece.map(|piece| piece.found) {
                Some(Err(problem)) => {
                    news.push((id.clone(), problem));
                    ignored.insert(id, stamp);
                }
                None if self.ignored.get(&id) == Some(&stamp) => drop(ignored.insert(id, stamp)),
                found => {
                    let found = found.and_then(Result::ok);
                    let Some((entry, text)) = self.entry(&id, &stamp, found, now) else {
                        continue;
                    };
                    if !ledger.fits(&entry.instance.usage(), self.limits) {
                        news.push((id.clone(), BadRecord::RegistryFull));
                        ignored.insert(id, stamp);
                    } else {
                        ledger.add(&entry.instance.usage());
                        records.insert(entry.instance.id.clone(), StoredRecord { stamp, text });
                        entries.push(RegistryEntry { is_active, ..entry });
                    }
                }
            }
        }
        self.is_complete |= !entries.is_empty() || now >= self.grace_until;
        if now < self.grace_until {
            self.keep_known(&mut entries, &mut records);
        }
        self.heard.retain(|id, _| records.contains_key(id));
        self.unsent.retain(|id| records.contains_key(id));
        (self.redirected, self.missing, self.is_data_lost) = (HashSet::new(), HashSet::new(), false);
        (self.records, self.ignored, self.hash) = (records, ignored, listing.hash);
        self.registry.install(entries);
        news
    }

    /// The entry of a record, and the record. A known instance is kept, with its breaker. `None`: the record
    /// disappeared while it was read.
    fn entry(
        &self,
        id: &str,
        stamp: &str,
        found: Option<DecodedRecord>,
        now: Millis,
    ) -> Option<(RegistryEntry, String)> {
        let kept = self.records.get(id);
        let is_same = |kept: &&StoredRecord| match &found {
            Some(found) => found.text == kept.text,
            None => kept.stamp == stamp,
        };
        if let (Some(kept), Some(known)) = (kept.filter(is_same), self.registry.by_text(id)) {
            let entry = RegistryEntry {
                seen: now,
                ..known.clone()
            };
            return Some((entry, kept.text.clone()));
        }
        let found = found?;
        let entry = RegistryEntry {
            instance: found.instance,
            claims: found.claims,
            is_active: true,
            seen: now,
        };
        Some((entry, found.text))
    }

    /// Keeps the known instances beside those of Redis: an instance that is active on either side is active.
    fn keep_known(&self, entries: &mut Vec<RegistryEntry>, records: &mut HashMap<InstanceId, StoredRecord>) {
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
                    records.extend(self.records.get(id).map(|kept| (id.clone(), kept.clone())));
                    entries.push(known);
                }
            }
        }
    }
}

fn is_silent(heard: Millis, now: Millis) -> bool {
    now.0.saturating_sub(heard.0) > INACTIVE_AFTER_MS
}
