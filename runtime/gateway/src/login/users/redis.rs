//! Users in Redis, which all gateways of an installation share: one hash, with a sealed record for each user.
//!
//! Beside the hash stand the *revision* of all users, which each change replaces by another random one, and a log of the last changes.
//! A gateway that knows a revision of the log reads those users only that were changed since; any other reads all, in parts.
//! A revision begins with the *epoch*, which stays until Redis loses its data.

mod known;
mod scripts;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use redis::{Cmd, FromRedisValue};
use uuid::Uuid;

use super::{
    User, Users,
    record::{UserRecord, check_name},
};
use crate::{
    GatewayConfig,
    config::{ConfigError, Secret},
    limits::{
        MAX_USER_RECORD_BYTES, MAX_USERS_IN_REDIS, MAX_USERS_IN_REDIS_BYTES, USERS_DOUBTFUL_AFTER, USERS_PART,
    },
    login::redis_calls::{RedisCalls, scope},
    sealing::Sealing,
};
use known::{Known, KnownUser, Part, epoch};

/// What the records are sealed for.
const PURPOSE: &str = "hydra user record";

/// A name with a sealed record.
type Pair = (Vec<u8>, Vec<u8>);

/// The users of one installation in Redis.
pub(crate) struct RedisUsers {
    calls: RedisCalls,
    hash: String,
    revision: String,
    log: String,
    opener: Arc<Opener>,
    /// `None`: they were not read yet.
    known: ArcSwapOption<Known>,
    /// Whether this process has sealed records anew with its private key. It does so once: while gateways with different
    /// first keys run beside each other, the one that was started last has the last word.
    is_sealed_anew: AtomicBool,
}

/// Opens and seals records.
struct Opener {
    seal: Sealing,
    installation: String,
}

impl Opener {
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
    fn opened(&self, name: &str, sealed: &str) -> Option<UserRecord> {
        let text = self.seal.open(sealed, &self.bound(name))?;
        let record: UserRecord = serde_json::from_slice(&text).ok()?;
        (check_name(name).is_ok() && record.check().is_ok()).then_some(record)
    }

    /// The users of a part. Those whose sealed records `former` has already are not opened again.
    fn users(&self, part: Part, former: Option<&Known>) -> Vec<(String, Option<Arc<KnownUser>>)> {
        let users = part.into_iter().map(|(name, sealed)| {
            let name = String::from_utf8_lossy(&name).into_owned();
            let Some(sealed) = sealed else { return (name, None) };
            let sealed = std::str::from_utf8(&sealed).unwrap_or_default();
            let is_long = sealed.len() > MAX_USER_RECORD_BYTES;
            let same = former.and_then(|known| known.same(&name, sealed));
            let user = same.or_else(|| {
                let record = self.opened(&name, sealed).filter(|_| !is_long);
                record.map(|record| Arc::new(KnownUser::new(record, sealed)))
            });
            if user.is_none() {
                ignored(&name);
            }
            (name, user)
        });
        users.collect()
    }
}

fn ignored(name: &str) {
    metrics::counter!("hydra_users_ignored_total").increment(1);
    let name = hydra_runtime_wire::lines::cut(name).escape_debug().to_string();
    tracing::warn!(
        name,
        "a user in Redis is ignored: the record was sealed with another private key, or changed"
    );
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
            log: format!("{scope}:users-log"),
            opener: Arc::new(Opener {
                seal: Sealing::new(private_key.as_bytes(), PURPOSE).with_second(second, PURPOSE),
                installation: config.public_key.clone(),
            }),
            known: ArcSwapOption::empty(),
            is_sealed_anew: AtomicBool::new(false),
        })
    }

    async fn call<T: FromRedisValue>(&self, command: Cmd) -> Result<T, String> {
        self.calls.call(command).await
    }

    /// The revision of all users. Empty: Redis has none.
    async fn newest(&self) -> Result<String, String> {
        let mut command = redis::cmd("GET");
        command.arg(&self.revision);
        let found: Option<String> = self.call(command).await?;
        Ok(found.unwrap_or_default())
    }

    /// All users, read in parts. Those that `former` has already are not opened again.
    async fn load(&self, former: Option<&Arc<Known>>) -> Result<Known, String> {
        // First: users that are changed meanwhile are read again.
        let revision = self.newest().await?;
        let mut length = redis::cmd("HLEN");
        length.arg(&self.hash);
        let count: usize = self.call(length).await?;
        let (mut users, mut bytes, mut cursor) = (BTreeMap::new(), 0, 0_u64);
        loop {
            if count.max(users.len()) > MAX_USERS_IN_REDIS {
                let count = count.max(users.len());
                return Err(format!("Redis has {count} users, more than {MAX_USERS_IN_REDIS}"));
            }
            if bytes > MAX_USERS_IN_REDIS_BYTES {
                return Err(format!(
                    "the users in Redis have more than {MAX_USERS_IN_REDIS_BYTES} bytes"
                ));
            }
            let mut scan = redis::cmd("HSCAN");
            scan.arg(&self.hash).arg(cursor).arg("COUNT").arg(USERS_PART);
            let (next, part): (u64, Vec<Pair>) = self.call(scan).await?;
            let part: Part = part
                .into_iter()
                .map(|(name, sealed)| (name, Some(sealed)))
                .collect();
            bytes += part.iter().map(known::size).sum::<usize>();
            let opened = self.opened(part, former).await?;
            users.extend(
                opened
                    .into_iter()
                    .filter_map(|(name, user)| Some((name.into(), user?))),
            );
            if next == 0 {
                return Ok(Known::new(revision, users));
            }
            cursor = next;
        }
    }

    /// Opens records, off the threads of requests.
    async fn opened(
        &self,
        part: Part,
        former: Option<&Arc<Known>>,
    ) -> Result<Vec<(String, Option<Arc<KnownUser>>)>, String> {
        let (opener, former) = (Arc::clone(&self.opener), former.cloned());
        let work = tokio::task::spawn_blocking(move || opener.users(part, former.as_deref()));
        work.await.map_err(|error| error.to_string())
    }

    /// The users by name.
    ///
    /// # Errors
    /// Redis can't be used. The error is a message for people.
    pub(crate) async fn users(&self) -> Result<BTreeMap<String, UserRecord>, String> {
        Ok(self.load(None).await?.records())
    }

    /// Changes users. If another process changes them at the same time, `change` is called again with the newer ones.
    ///
    /// # Errors
    /// Redis can't be used, or `change` refuses. Then nothing has changed.
    pub(crate) async fn change<T>(
        &self,
        change: impl Fn(&mut BTreeMap<String, UserRecord>) -> Result<T, String>,
    ) -> Result<T, String> {
        let mut former = None;
        for _ in 0..10 {
            let known = Arc::new(self.load(former.as_ref()).await?);
            let before = known.records();
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
                        written.push((name.clone(), self.opener.closed(name, record)?));
                    }
                    Some(_) => {}
                }
            }
            let is_same = removed.is_empty() && written.is_empty();
            if is_same || self.write(&known.revision, &removed, &written).await? {
                return Ok(done);
            }
            former = Some(known);
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
        command.arg(scripts::CHANGE).arg(3);
        command.arg(&self.hash).arg(&self.revision).arg(&self.log);
        command.arg(revision).arg(next_of(revision)).arg(scripts::LOGGED);
        command.arg(removed.len()).arg(removed);
        for (name, sealed) in written {
            command.arg(name).arg(sealed);
        }
        let done: u64 = self.call(command).await?;
        Ok(done == 1)
    }

    async fn read_again(&self) -> Result<(), String> {
        let known = self.known.load_full();
        let revision = self.newest().await?;
        let Some(known) = known else {
            return self.take_over(self.load(None).await?).await;
        };
        if known.revision == revision {
            known.is_right_now();
            return Ok(());
        }
        if epoch(&known.revision) != epoch(&revision) && !known.is_empty() {
            self.restore(&known).await?;
        } else if let Some(names) = self.changed_since(&known.revision).await? {
            let part = self.part(names).await?;
            let changes = self.opened(part, Some(&known)).await?;
            let merged = tokio::task::spawn_blocking(move || known.with(revision, changes)).await;
            let merged = merged.map_err(|error| error.to_string())?;
            return self.take_over(merged).await;
        }
        self.take_over(self.load(Some(&known)).await?).await
    }

    /// The users that were changed since a revision. `None`: the log does not reach back to it.
    async fn changed_since(&self, revision: &str) -> Result<Option<Vec<String>>, String> {
        let mut command = redis::cmd("LRANGE");
        command.arg(&self.log).arg(0).arg(-1);
        let log: Vec<String> = self.call(command).await?;
        let mut entries = log.iter().map(|entry| entry.split_once(' ').unwrap_or_default());
        let last = entries.rposition(|(entry, _)| entry == revision);
        let names = |last: usize| -> BTreeSet<String> {
            let newer = log.iter().skip(last + 1);
            newer
                .filter_map(|entry| Some(entry.split_once(' ')?.1.to_owned()))
                .collect()
        };
        Ok(last.map(|last| names(last).into_iter().collect()))
    }

    /// The records with these names.
    async fn part(&self, names: Vec<String>) -> Result<Part, String> {
        let mut part = Part::new();
        for names in names.chunks(USERS_PART) {
            let mut command = redis::cmd("HMGET");
            command.arg(&self.hash).arg(names);
            let found: Vec<Option<Vec<u8>>> = self.call(command).await?;
            part.extend(names.iter().map(|name| name.clone().into_bytes()).zip(found));
        }
        Ok(part)
    }

    async fn take_over(&self, known: Known) -> Result<(), String> {
        if known.len() > MAX_USERS_IN_REDIS {
            let count = known.len();
            return Err(format!("Redis has {count} users, more than {MAX_USERS_IN_REDIS}"));
        }
        let known = Arc::new(known);
        self.known.store(Some(Arc::clone(&known)));
        if !self.is_sealed_anew.load(Relaxed) {
            self.seal_anew(&known).await?;
            self.is_sealed_anew.store(true, Relaxed);
        }
        Ok(())
    }

    /// Seals records with the private key that were sealed with the second one, in parts.
    async fn seal_anew(&self, known: &Arc<Known>) -> Result<(), String> {
        if !self.opener.seal.has_second() {
            return Ok(());
        }
        let names: Vec<String> = known.names().collect();
        for names in names.chunks(USERS_PART) {
            let part = self.part(names.to_vec()).await?;
            let opener = Arc::clone(&self.opener);
            let work = tokio::task::spawn_blocking(move || scripts::resealed(&opener, part));
            let pairs = work.await.map_err(|error| error.to_string())?;
            if pairs.is_empty() {
                continue;
            }
            let mut command = redis::cmd("EVAL");
            command.arg(scripts::RESEAL).arg(1).arg(&self.hash);
            for (name, former, sealed) in pairs {
                command.arg(name).arg(former).arg(sealed);
            }
            self.call::<u64>(command).await?;
        }
        Ok(())
    }

    /// Puts users back that Redis has lost, in parts. What was written there since stays.
    async fn restore(&self, known: &Arc<Known>) -> Result<(), String> {
        tracing::warn!("Redis has lost the users: they are put back");
        let names: Vec<String> = known.names().collect();
        for names in names.chunks(USERS_PART) {
            let (opener, known, names) = (Arc::clone(&self.opener), Arc::clone(known), names.to_vec());
            let work = tokio::task::spawn_blocking(move || scripts::sealed(&opener, &known, names));
            let pairs = work.await.map_err(|error| error.to_string())??;
            let mut command = redis::cmd("EVAL");
            command.arg(scripts::PUT_BACK).arg(1).arg(&self.hash);
            for (name, sealed) in pairs {
                command.arg(name).arg(sealed);
            }
            self.call::<u64>(command).await?;
        }
        // Gateways that read a part of them meanwhile read again.
        let mut command = redis::cmd("EVAL");
        command
            .arg(scripts::RENEW)
            .arg(2)
            .arg(&self.revision)
            .arg(&self.log);
        command.arg(random()).arg(random());
        self.call::<String>(command).await.map(drop)
    }
}

/// A random part of a revision.
fn random() -> String {
    Uuid::new_v4().simple().to_string()
}

/// A revision after this one, in the same epoch.
fn next_of(revision: &str) -> String {
    match epoch(revision) {
        "" => format!("{}.{}", random(), random()),
        epoch => format!("{epoch}.{}", random()),
    }
}

impl Users for RedisUsers {
    fn find<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<User>, String>> {
        let found = match &*self.known.load() {
            None => Err("the users were not read from Redis yet".to_owned()),
            Some(known) => Ok(known.get(name).map(|user| User {
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
            Some(known) => known.get(name).is_some_and(|user| user.revision == revision),
        }
    }

    fn are_known(&self) -> bool {
        let known = self.known.load();
        known
            .as_ref()
            .is_some_and(|known| known.age() < USERS_DOUBTFUL_AFTER)
    }

    fn refresh(&self) -> BoxFuture<'_, Result<(), String>> {
        self.read_again().boxed()
    }
}

/// Makes sure that the time is longer than the one between two refreshes.
const _: () = assert!(USERS_DOUBTFUL_AFTER.as_secs() > Duration::from_secs(5).as_secs());

#[cfg(test)]
mod tests;
