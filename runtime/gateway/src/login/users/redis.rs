//! Users in Redis, which all gateways of an installation share: one hash, with a sealed record for each user.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use futures_util::future::{BoxFuture, FutureExt as _, ready};

use super::{
    User, Users,
    record::{UserRecord, check_name},
};
use crate::{
    GatewayConfig,
    config::{ConfigError, Secret},
    limits::{MAX_USERS_IN_REDIS, USERS_DOUBTFUL_AFTER},
    login::{
        redis_calls::{RedisCalls, scope},
        sealing::Sealing,
    },
};

/// Replaces records and removes users, if the users are still those that were read. `KEYS`: the hash, the revision; `ARGV`: the
/// revision that was read, how many users are removed, their names, and names with records.
const CHANGE: &str = "\
local known = redis.call('GET', KEYS[2]) or '0'
if known ~= ARGV[1] then return 0 end
local removed = tonumber(ARGV[2])
for i = 3, removed + 2 do redis.call('HDEL', KEYS[1], ARGV[i]) end
for i = removed + 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('INCR', KEYS[2])
return 1";

/// What the records are sealed for.
const PURPOSE: &str = "hydra user record";

/// The users of one installation in Redis.
pub(crate) struct RedisUsers {
    calls: RedisCalls,
    hash: String,
    revision: String,
    seal: Sealing,
    installation: String,
    /// `None`: they were not read yet.
    known: ArcSwapOption<Known>,
    /// Whether this process has sealed records anew with its private key. It does so once: while gateways with different
    /// first keys run beside each other, the one that was started last has the last word.
    is_sealed_anew: AtomicBool,
}

/// The users as Redis has them.
struct Loaded {
    revision: String,
    users: BTreeMap<String, UserRecord>,
    /// Whether a record was sealed with the second private key.
    has_former: bool,
}

/// The users that were read last.
struct Known {
    revision: String,
    users: BTreeMap<String, KnownUser>,
    /// When they were last known to be right.
    at: Instant,
}

#[derive(Clone)]
struct KnownUser {
    record: UserRecord,
    revision: String,
}

impl RedisUsers {
    /// The users in the Redis of the settings. This connects to nothing.
    ///
    /// # Errors
    /// The settings have no Redis or no private key.
    pub(crate) fn new(config: &GatewayConfig) -> Result<Self, ConfigError> {
        let wrong = |reason: &str| ConfigError::Login {
            key: "login_users",
            reason: reason.to_owned(),
        };
        let calls = RedisCalls::of(config)?.ok_or_else(|| wrong("users in Redis need `redis`"))?;
        let private_key = config.private_key.as_ref().map(Secret::reveal);
        let private_key =
            private_key.ok_or_else(|| wrong("users in Redis are encrypted, which needs `private_key`"))?;
        let second = config.second_private_key.as_ref().map(Secret::reveal);
        let scope = scope(config);
        Ok(Self {
            calls,
            hash: format!("{scope}:users"),
            revision: format!("{scope}:users-revision"),
            seal: Sealing::new(private_key.as_bytes(), PURPOSE).with_second(second, PURPOSE),
            installation: config.public_key.clone(),
            known: ArcSwapOption::empty(),
            is_sealed_anew: AtomicBool::new(false),
        })
    }

    fn bound(&self, name: &str) -> String {
        // A public key contains no zero byte.
        format!("{}\0{name}", self.installation)
    }

    fn closed(&self, name: &str, record: &UserRecord) -> Result<String, String> {
        let text = serde_json::to_vec(record).map_err(|error| error.to_string())?;
        let sealed = self.seal.close(&text, &self.bound(name));
        sealed.ok_or_else(|| "the platform's cryptography can't seal a user".to_owned())
    }

    /// The record of a user. `None`: another installation or a stranger wrote it.
    fn opened(&self, name: &str, sealed: &[u8]) -> Option<UserRecord> {
        let sealed = std::str::from_utf8(sealed).ok()?;
        let text = self.seal.open(sealed, &self.bound(name))?;
        let record: UserRecord = serde_json::from_slice(&text).ok()?;
        (check_name(name).is_ok() && record.check().is_ok()).then_some(record)
    }

    /// The revision of all users. Empty: Redis has none.
    async fn newest(&self) -> Result<String, String> {
        let mut command = redis::cmd("GET");
        command.arg(&self.revision);
        let found: Option<String> = self.calls.call(command).await?;
        Ok(found.unwrap_or_default())
    }

    /// All users, and their revision.
    async fn load(&self) -> Result<Loaded, String> {
        // First: users that are changed meanwhile are read again.
        let revision = self.newest().await?;
        let mut length = redis::cmd("HLEN");
        length.arg(&self.hash);
        let count: usize = self.calls.call(length).await?;
        if count > MAX_USERS_IN_REDIS {
            return Err(format!("Redis has {count} users, more than {MAX_USERS_IN_REDIS}"));
        }
        let mut all = redis::cmd("HGETALL");
        all.arg(&self.hash);
        let found: Vec<(Vec<u8>, Vec<u8>)> = self.calls.call(all).await?;
        let (mut users, mut has_former) = (BTreeMap::new(), false);
        for (name, sealed) in found {
            let name = String::from_utf8_lossy(&name).into_owned();
            match self.opened(&name, &sealed) {
                Some(record) => {
                    let sealed = std::str::from_utf8(&sealed).unwrap_or_default();
                    has_former |= !self.seal.is_current(sealed, &self.bound(&name));
                    users.insert(name, record);
                }
                None => {
                    metrics::counter!("hydra_users_ignored_total").increment(1);
                    let name = hydra_runtime_wire::lines::cut(&name).escape_debug().to_string();
                    tracing::warn!(
                        name,
                        "a user in Redis is ignored: the record was sealed with another private key, or changed"
                    );
                }
            }
        }
        Ok(Loaded {
            revision,
            users,
            has_former,
        })
    }

    /// The users by name.
    ///
    /// # Errors
    /// Redis can't be used. The error is a message for people.
    pub(crate) async fn users(&self) -> Result<BTreeMap<String, UserRecord>, String> {
        Ok(self.load().await?.users)
    }

    /// Changes users. If another process changes them at the same time, `change` is called again with the newer ones.
    ///
    /// # Errors
    /// Redis can't be used, or `change` refuses. Then nothing has changed.
    pub(crate) async fn change<T>(
        &self,
        change: impl Fn(&mut BTreeMap<String, UserRecord>) -> Result<T, String>,
    ) -> Result<T, String> {
        for _ in 0..10 {
            let Loaded {
                revision,
                users: before,
                ..
            } = self.load().await?;
            let mut after = before.clone();
            let done = change(&mut after)?;
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            let mut removed = Vec::new();
            let mut written = Vec::new();
            for name in names {
                match after.get(name) {
                    None => removed.push(name.clone()),
                    Some(record) if before.get(name) != Some(record) => {
                        let checked = check_name(name).and_then(|()| record.check());
                        checked.map_err(|bad| format!("user `{}`: {bad}", name.escape_debug()))?;
                        written.push((name.clone(), self.closed(name, record)?));
                    }
                    Some(_) => {}
                }
            }
            if self.write(&revision, &removed, &written).await? {
                return Ok(done);
            }
        }
        Err("other processes change the users all the time".to_owned())
    }

    /// Returns whether the users were still those of this revision.
    async fn write(
        &self,
        revision: &str,
        removed: &[String],
        written: &[(String, String)],
    ) -> Result<bool, String> {
        let mut command = redis::cmd("EVAL");
        command.arg(CHANGE).arg(2).arg(&self.hash).arg(&self.revision);
        command.arg(if revision.is_empty() { "0" } else { revision });
        command.arg(removed.len()).arg(removed);
        for (name, sealed) in written {
            command.arg(name).arg(sealed);
        }
        let done: u64 = self.calls.call(command).await?;
        Ok(done == 1)
    }

    async fn read_again(&self) -> Result<(), String> {
        let known = self.known.load_full();
        let revision = self.newest().await?;
        if let Some(known) = &known {
            if known.revision == revision {
                self.keep(revision, known.users.clone());
                return Ok(());
            }
            // No command takes the revision away: Redis has lost its data.
            if revision.is_empty() && !known.users.is_empty() {
                self.restore(&known.users).await?;
            }
        }
        let loaded = self.load().await?;
        if loaded.has_former && !self.is_sealed_anew.load(Relaxed) {
            let written = self.sealed(loaded.users.iter())?;
            let is_done = self.write(&loaded.revision, &[], &written).await?;
            self.is_sealed_anew.store(is_done, Relaxed);
        }
        let Loaded { revision, users, .. } = loaded;
        let users = users.into_iter().map(|(name, record)| {
            let revision = record.revision();
            (name, KnownUser { record, revision })
        });
        self.keep(revision, users.collect());
        Ok(())
    }

    async fn restore(&self, users: &BTreeMap<String, KnownUser>) -> Result<(), String> {
        tracing::warn!("Redis has lost the users: they are put back");
        let written = self.sealed(users.iter().map(|(name, user)| (name, &user.record)))?;
        // Another gateway may have been faster.
        self.write("", &[], &written).await.map(drop)
    }

    /// The names of users with their sealed records.
    fn sealed<'a>(
        &self,
        users: impl Iterator<Item = (&'a String, &'a UserRecord)>,
    ) -> Result<Vec<(String, String)>, String> {
        users
            .map(|(name, record)| Ok((name.clone(), self.closed(name, record)?)))
            .collect()
    }

    fn keep(&self, revision: String, users: BTreeMap<String, KnownUser>) {
        let known = Known {
            revision,
            users,
            at: Instant::now(),
        };
        self.known.store(Some(Arc::new(known)));
    }
}

impl Users for RedisUsers {
    fn find<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<User>, String>> {
        let found = match &*self.known.load() {
            None => Err("the users were not read from Redis yet".to_owned()),
            Some(known) => Ok(known.users.get(name).map(|user| User {
                name: name.to_owned(),
                record: user.record.clone(),
            })),
        };
        ready(found).boxed()
    }

    fn is_current(&self, name: &str, revision: &str) -> bool {
        match &*self.known.load() {
            // The gateway has just started: its tokens are valid, and end by themselves.
            None => true,
            Some(known) => known
                .users
                .get(name)
                .is_some_and(|user| user.revision == revision),
        }
    }

    fn are_known(&self) -> bool {
        let known = self.known.load();
        known
            .as_ref()
            .is_some_and(|known| known.at.elapsed() < USERS_DOUBTFUL_AFTER)
    }

    fn refresh(&self) -> BoxFuture<'_, Result<(), String>> {
        self.read_again().boxed()
    }
}

/// Makes sure that the time is longer than the one between two refreshes.
const _: () = assert!(USERS_DOUBTFUL_AFTER.as_secs() > Duration::from_secs(5).as_secs());

#[cfg(test)]
mod tests;
