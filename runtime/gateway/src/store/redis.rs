//! The registry that several gateways share in Redis. Redis has the authoritative state. Each gateway keeps a mirror
//! of it, routes with the mirror while Redis is away, and writes what Redis missed when it is back.

mod link;
mod load;
mod mirror;
mod outage;
mod record;
mod seal;
mod steering;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use hydra_runtime_wire::signing::SIGNATURE_VALID_SECS;
use redis::RedisResult;
use tokio::sync::RwLock;

use super::{SteeringError, Store};
use crate::{
    Millis,
    config::{ConfigError, Secret},
    registry::{
        instance::{Instance, InstanceId, RegistrationRules, channel_place::ChannelId},
        state::{Event, HeartbeatSender, RegistrationDenied, View},
        steering::SteeringChange,
    },
};
use link::{Link, Reply};
use mirror::{Mirror, RecordUpdate};
use seal::Seal;
use steering::SharedSteering;

/// A registry in Redis.
pub(crate) struct RedisStore {
    link: Link,
    prefix: String,
    seal: Seal,
    rules: RegistrationRules,
    /// The lock is held for one step, never across an await.
    mirror: Mutex<Mirror>,
    /// What operators changed.
    steering: SharedSteering,
    /// Held shared by changes that start here, from the mirror to the answer of Redis, and exclusively while the
    /// state of Redis is read: a state that was read before such a change must not be installed after it.
    changing: RwLock<()>,
    outage: Mutex<Option<String>>,
}

/// Which registry to use, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RedisStoreConfig<'a> {
    pub(crate) url: &'a Secret,
    /// The prefix of all keys and channels.
    pub(crate) prefix: &'a str,
    /// The name of the installation.
    pub(crate) public_key: &'a str,
    /// The key that seals the records, if the installation has one, and another one that opens them too.
    pub(crate) private_keys: [Option<&'a str>; 2],
}

impl RedisStore {
    /// Makes a store. It connects when it is first refreshed.
    pub(crate) fn new(place: RedisStoreConfig<'_>, rules: RegistrationRules) -> Result<Self, ConfigError> {
        let outage = Mutex::new(Some("Redis was not reached yet".to_owned()));
        let link = Link::new(place.url.reveal(), place.prefix, place.public_key)?;
        let [private_key, second] = place.private_keys;
        let seal = Seal::new(private_key, link.scope()).with_second_key(second);
        Ok(Self {
            link,
            prefix: place.prefix.to_owned(),
            seal,
            mirror: Mutex::new(Mirror::new(rules.limits)),
            steering: SharedSteering::default(),
            rules,
            changing: RwLock::default(),
            outage,
        })
    }

    fn mirror(&self) -> MutexGuard<'_, Mirror> {
        self.mirror.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn register(&self, instance: &Arc<Instance>, now: Millis) -> Result<(), RegistrationDenied> {
        let changing = self.changing.read().await;
        let claim = self.link.next_claim().await;
        let written = self
            .mirror()
            .register(instance, claim.as_ref().ok(), &self.seal, now)?;
        let told = match claim {
            Ok(_) => self.write_record("register", &instance.id, &written).await,
            Err(error) => Err(error),
        };
        if told.is_err() {
            self.mirror().mark_unsent(&instance.id);
        }
        drop(changing);
        let done = match told {
            Ok(reply) => self.follow_change(&reply, now).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            self.record_outage(&error);
        }
        Ok(())
    }

    async fn alive(&self, sender: HeartbeatSender, now: Millis) -> bool {
        // Another gateway may know the instance. A guessed name must not cost more than one look at the route hash.
        let is_stranger = self.mirror().instances_of_sender(&sender).is_empty();
        if is_stranger
            && self.link.is_open()
            && let Err(error) = self.catch_up(now).await
        {
            self.record_outage(&error);
        }
        let changing = self.changing.read().await;
        let ids = self.mirror().instances_of_sender(&sender);
        if ids.is_empty() {
            return false;
        }
        self.mirror().alive(sender, now);
        let forwarded = self.forward_heartbeats(&ids).await;
        drop(changing);
        let done = match forwarded {
            Ok(Some(reply)) => self.follow_change(&reply, now).await,
            Ok(None) => self.read(now).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            self.mirror().redirect(&ids);
            self.record_outage(&error);
        }
        // If another service has taken the address of the instance meanwhile, the instance learns so and registers
        // again.
        self.mirror().knows_any(&ids)
    }

    /// Forwards heartbeats to Redis. `None`: Redis lacks the record of one of the instances.
    async fn forward_heartbeats(&self, ids: &[InstanceId]) -> RedisResult<Option<Reply>> {
        let texts: Vec<&str> = ids.iter().map(InstanceId::as_str).collect();
        let reply = self.link.call("alive", &texts).await?;
        if reply.known.len() == ids.len() {
            return Ok(Some(reply));
        }
        let is_missing = |id: &&InstanceId| !reply.known.iter().any(|known| known == id.as_str());
        self.mirror().mark_missing(ids.iter().filter(is_missing).cloned());
        Ok(None)
    }

    async fn lost(&self, id: InstanceId, now: Millis) {
        let _changing = self.changing.read().await;
        let told = self.link.call("lost", &[id.as_str()]).await;
        self.mirror().lost(id, now);
        if let Err(error) = told {
            self.record_outage(&error);
        }
    }

    /// Makes an instance inactive whose channel has ended, if Redis still has the record with that channel.
    async fn channel_ended(&self, id: InstanceId, channel: &ChannelId, now: Millis) {
        let changing = self.changing.read().await;
        let Some(stamp) = self.mirror().stamp_with_channel(&id, channel) else {
            return;
        };
        let told = self.link.call("lost", &[id.as_str(), &stamp]).await;
        let is_newer = told.as_ref().is_ok_and(|reply| reply.known.is_empty());
        if !is_newer {
            self.mirror().lost(id, now);
        }
        drop(changing);
        let done = match told {
            Ok(reply) => self.follow_change(&reply, now).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            self.record_outage(&error);
        }
    }

    /// Writes a record with one of the operations `register`, `remember_active` and `remember_inactive`.
    async fn write_record(
        &self,
        operation: &str,
        id: &InstanceId,
        written: &RecordUpdate,
    ) -> RedisResult<Reply> {
        let newest = written.newest.to_string();
        let displaced = written.displaced.iter().map(InstanceId::as_str);
        let arguments: Vec<&str> = [id.as_str(), &written.text, &newest]
            .into_iter()
            .chain(displaced)
            .collect();
        let reply = self.link.call(operation, &arguments).await?;
        self.mirror().confirm_stored(id, reply.known.first());
        Ok(reply)
    }

    /// Advances the mirror's route hash past a change that this gateway just made. If the hash before that change is not
    /// the mirror's, another gateway changed something in between, and the whole registry is read again.
    async fn follow_change(&self, reply: &Reply, now: Millis) -> RedisResult<()> {
        let is_next = {
            let mut mirror = self.mirror();
            let is_next = mirror.hash == reply.before;
            if is_next {
                mirror.hash.clone_from(&reply.after);
            }
            is_next
        };
        if is_next { Ok(()) } else { self.read(now).await }
    }

    async fn catch_up(&self, now: Millis) -> RedisResult<()> {
        let is_new = !self.link.is_open();
        let reply = if is_new {
            self.link.open().await?;
            self.link.call("open", &[]).await?
        } else {
            self.link.call("sweep", &[]).await?
        };
        let must_read = {
            let mut mirror = self.mirror();
            // Redis lost its data, or changed while this gateway was not connected: other gateways are writing what
            // they know now.
            let is_found = is_new || mirror.is_other_generation(&reply.generation);
            if is_found {
                mirror.reconnected(&reply.generation, now);
            }
            is_found || mirror.ends_grace(now) || mirror.hash != reply.after
        };
        if must_read {
            self.read(now).await?;
        }
        self.mirror().forget_silent(now);
        Ok(())
    }
}

impl Store for RedisStore {
    fn apply(&self, event: Event, now: Millis) -> BoxFuture<'_, Result<bool, RegistrationDenied>> {
        Box::pin(async move {
            match event {
                Event::Register(instance) => self.register(&instance, now).await?,
                Event::Heartbeat(sender) => return Ok(self.alive(sender, now).await),
                Event::Lost(id) => self.lost(id, now).await,
                Event::ChannelEnded { instance, channel } => {
                    self.channel_ended(instance, &channel, now).await;
                }
                Event::Paused(length) => self.mirror().paused(length, now),
                // Redis itself lets time pass.
                Event::Tick => {}
            }
            Ok(true)
        })
    }

    fn steer(&self, change: SteeringChange, now: Millis) -> BoxFuture<'_, Result<(), SteeringError>> {
        Box::pin(async move { self.change_steering(&change, now).await })
    }

    fn refresh(&self, now: Millis) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            match self.catch_up(now).await {
                Ok(()) => self.clear_outage(),
                // No instance becomes inactive now. An instance that is silent here may send its heartbeats to another
                // gateway, and only Redis could tell. One that is gone refuses connections, and its breaker opens.
                Err(error) => self.record_outage(&error),
            }
        })
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.link.changed())
    }

    fn age_of_change(&self) -> BoxFuture<'_, Option<Duration>> {
        // Without an answer there is one measurement less.
        Box::pin(async move { self.link.age_of_change().await.ok().flatten() })
    }

    fn view(&self) -> View {
        let mut view = self.mirror().view();
        // The version is read before the state: it may be too low, and then the next look finds the change.
        view.version += self.steering.version();
        view.steering = self.steering.state();
        view
    }

    fn version(&self) -> u64 {
        self.mirror().version() + self.steering.version()
    }

    fn is_complete(&self) -> bool {
        self.mirror().is_complete()
    }

    fn claim_call<'a>(&'a self, id: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            match self.link.claim(id, SIGNATURE_VALID_SECS).await {
                Ok(is_new) => is_new,
                Err(error) => {
                    self.record_outage(&error);
                    true
                }
            }
        })
    }

    fn outage(&self) -> Option<String> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
impl RedisStore {
    /// Lets time pass for the instances in Redis.
    pub(crate) async fn age(&self, ms: u64) {
        self.link.age(ms, None).await;
    }
}

#[cfg(test)]
mod tests;
