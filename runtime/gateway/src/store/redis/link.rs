//! The connection to Redis, and the calls of its script.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use hydra_runtime_net::redis_link::{self, Connection, RedisLink};
use redis::{Msg, RedisError, RedisResult, Script, aio::PubSub};
use uuid::Uuid;

use crate::{
    config::ConfigError,
    limits::{
        CUT_OFF_AFTER_MS, FORGOTTEN_AFTER_MS, INACTIVE_AFTER_MS, KEPT_AFTER_CUT_OFF_MS,
        MAX_REDIS_PREFIX_BYTES, MAX_SEALED_STEERING_BYTES, REDIS_TIMEOUT,
    },
};

const CLOSED: &str = "there is no connection";

/// The names after the installation's prefix, in the order in which the script takes them.
pub(super) const KEYS: [&str; 10] = [
    "hash",
    "records",
    "active",
    "inactive",
    "claims",
    "stamps",
    "generation",
    "heard-by",
    "gateways",
    "steering",
];

/// One gateway's connection to Redis.
pub(super) struct Link {
    redis: RedisLink,
    script: Script,
    /// The prefix of all keys and of the channel.
    scope: String,
    keys: [String; KEYS.len()],
    channel: String,
    /// The name of this gateway in Redis.
    gateway: String,
    /// Cloned for each call. The lock is never held across an await.
    connection: Mutex<Option<Connection>>,
    /// The subscription to changes. Only the publisher waits for it.
    news: tokio::sync::Mutex<Option<PubSub>>,
    /// When another gateway made the first change that was announced since this was last taken, by the clock of Redis.
    announced: Mutex<Option<Duration>>,
}

/// The result of a call of the script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) before: String,
    pub(super) after: String,
    /// The name of the data set: a different one means that Redis lost its data.
    pub(super) generation: String,
    pub(super) known: Vec<String>,
}

/// The instances in Redis, without their records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) hash: String,
    /// By instance. A stamp changes with the record, and ends with the record's length in bytes.
    pub(super) stamps: HashMap<String, String>,
    pub(super) active: HashSet<String>,
    pub(super) steering: StoredSteering,
}

/// What operators changed, as it is in Redis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StoredSteering {
    /// Changes with the text. Empty: there is none.
    pub(super) stamp: String,
    /// `None`: there is none, or it is too long.
    pub(super) text: Option<Vec<u8>>,
}

/// A time since 1970, as Redis tells it. `None`: it is not one.
fn moment(seconds: u64, micros: u64) -> Option<Duration> {
    Duration::from_secs(seconds).checked_add(Duration::from_micros(micros))
}

/// Whether an error only says that there is no connection, and not why.
pub(super) fn is_closed(error: &RedisError) -> bool {
    error.to_string().starts_with(CLOSED)
}

impl Link {
    /// A link to the Redis at `url`. All names there begin with `prefix` and the hash of the installation's public
    /// key.
    pub(super) fn new(url: &str, prefix: &str, public_key: &str) -> Result<Self, ConfigError> {
        let redis =
            RedisLink::new(url, REDIS_TIMEOUT).map_err(|error| ConfigError::Redis(error.to_string()))?;
        if prefix.is_empty()
            || prefix.len() > MAX_REDIS_PREFIX_BYTES
            || prefix.contains(['{', '}'])
            || !prefix.is_ascii()
        {
            return Err(ConfigError::Redis(
                "the prefix must be 1 to 100 ASCII characters without braces".to_owned(),
            ));
        }
        // The braces keep all keys in one slot of a cluster, which the script needs.
        let scope = format!("{prefix}:{{{}}}:", redis_link::installation(public_key));
        Ok(Self {
            redis,
            script: Script::new(include_str!("registry.lua")),
            keys: KEYS.map(|name| format!("{scope}{name}")),
            channel: format!("{scope}changed"),
            scope,
            gateway: Uuid::new_v4().simple().to_string(),
            connection: Mutex::default(),
            news: tokio::sync::Mutex::default(),
            announced: Mutex::default(),
        })
    }

    /// The prefix of all keys and of the channel.
    pub(super) fn scope(&self) -> &str {
        &self.scope
    }

    /// Whether there is a connection, as far as this gateway knows.
    pub(super) fn is_open(&self) -> bool {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// Connects, and finds out which server accepts writes. The connection lives in the runtime of the caller.
    pub(super) async fn open(&self) -> RedisResult<()> {
        let (news, connection) = tokio::try_join!(self.redis.listen(&self.channel), self.redis.connect())?;
        *self.news.lock().await = Some(news);
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        Ok(())
    }

    /// Forgets the connection: the next call fails at once.
    pub(super) fn close(&self) {
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits until a gateway announces a change.
    pub(super) async fn changed(&self) {
        let mut news = self.news.lock().await;
        match news.as_mut() {
            Some(open) => {
                let Some(message) = open.on_message().next().await else {
                    *news = None;
                    // Both connections are opened together, so both are closed.
                    self.close();
                    return;
                };
                if let Some(made) = self.made_by_another(&message) {
                    let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
                    announced.get_or_insert(made);
                }
            }
            None => std::future::pending().await,
        }
    }

    /// When the change was made that a message announces, since 1970. `None`: this gateway made it, or the message is not of a gateway.
    fn made_by_another(&self, message: &Msg) -> Option<Duration> {
        let text = std::str::from_utf8(message.get_payload_bytes()).ok()?;
        let (gateway, made) = text.split_once(' ')?;
        let (seconds, micros) = made.split_once('.')?;
        let made = moment(seconds.parse().ok()?, micros.parse().ok()?)?;
        (gateway != self.gateway).then_some(made)
    }

    /// How long ago another gateway made the first change that was announced since the last call. `None`: none was announced.
    pub(super) async fn age_of_change(&self) -> RedisResult<Option<Duration>> {
        let announced = self
            .announced
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(announced) = announced else {
            return Ok(None);
        };
        let (seconds, micros) = redis::cmd("TIME").query_async(&mut self.connection()?).await?;
        let now: Option<Duration> = moment(seconds, micros);
        // A failover may lead to a clock that is behind.
        Ok(now.and_then(|now| now.checked_sub(announced)))
    }

    /// A number that no earlier claim has.
    pub(super) async fn next_claim(&self) -> RedisResult<u64> {
        let [_, _, _, _, claims, ..] = &self.keys;
        redis::cmd("INCR")
            .arg(claims)
            .query_async(&mut self.connection()?)
            .await
    }

    /// Writes a name that ends by itself. Returns whether it was new.
    pub(super) async fn claim(&self, name: &str, seconds: u64) -> RedisResult<bool> {
        let mut command = redis::cmd("SET");
        let key = format!("{}call:{name}", self.scope);
        command.arg(key).arg("1").arg("NX").arg("EX").arg(seconds);
        let set: Option<String> = command.query_async(&mut self.connection()?).await?;
        Ok(set.is_some())
    }

    /// Runs an operation of the script.
    pub(super) async fn call(&self, operation: &str, arguments: &[&str]) -> RedisResult<Reply> {
        let (before, after, generation, known) = self.invoke(operation, arguments).await?;
        Ok(Reply {
            before,
            after,
            generation,
            known,
        })
    }

    /// Lists all instances and the active ones, at one moment.
    pub(super) async fn list(&self) -> RedisResult<Listing> {
        type Bytes = Vec<u8>;
        type Listed = (
            String,
            String,
            HashMap<Bytes, Bytes>,
            Vec<Bytes>,
            String,
            Option<Bytes>,
        );
        let longest = MAX_SEALED_STEERING_BYTES.to_string();
        let (hash, _, stamps, active, stamp, steering): Listed = self.invoke("list", &[&longest]).await?;
        // Gateways write only names that are text. Other names were written by other programs.
        let text = |bytes| String::from_utf8(bytes).ok();
        let stamps = stamps.into_iter();
        Ok(Listing {
            hash,
            stamps: stamps
                .filter_map(|(id, stamp)| text(id).zip(text(stamp)))
                .collect(),
            active: active.into_iter().filter_map(text).collect(),
            steering: StoredSteering {
                stamp,
                text: steering,
            },
        })
    }

    /// Replaces what operators changed if it still has this stamp. What is known then is the new stamp.
    pub(super) async fn steer(&self, stamp: &str, text: &str) -> RedisResult<Reply> {
        let longest = MAX_SEALED_STEERING_BYTES.to_string();
        self.call("steer", &[&longest, stamp, text]).await
    }

    /// The records of these instances, in their order: `None` for a record that is gone, or longer than `longest`
    /// bytes.
    pub(super) async fn fetch(&self, ids: &[&str], longest: usize) -> RedisResult<Vec<Option<Vec<u8>>>> {
        let longest = longest.to_string();
        let arguments: Vec<&str> = std::iter::once(&*longest).chain(ids.iter().copied()).collect();
        self.invoke("fetch", &arguments).await
    }

    async fn invoke<T: redis::FromRedisValue>(&self, operation: &str, arguments: &[&str]) -> RedisResult<T> {
        let mut invocation = self.script.prepare_invoke();
        for key in &self.keys {
            invocation.key(key);
        }
        invocation
            .arg(&self.channel)
            .arg(INACTIVE_AFTER_MS)
            .arg(FORGOTTEN_AFTER_MS)
            .arg(&self.gateway)
            .arg(CUT_OFF_AFTER_MS)
            .arg(KEPT_AFTER_CUT_OFF_MS)
            .arg(operation);
        for argument in arguments {
            invocation.arg(argument);
        }
        invocation.invoke_async(&mut self.connection()?).await
    }

    fn connection(&self) -> RedisResult<Connection> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection
            .clone()
            .ok_or_else(|| RedisError::from((redis::ErrorKind::Io, CLOSED)))
    }

    /// Lets time pass for the instances in Redis, and for this gateway if it is named.
    #[cfg(test)]
    pub(super) async fn age(&self, ms: u64, gateway: Option<&str>) {
        let script = Script::new(
            "for i, key in ipairs(KEYS) do for _, id in ipairs(redis.call('ZRANGE', key, 0, -1)) do \
             if i < 3 or id == ARGV[2] or id == 'back ' .. ARGV[2] then redis.call('ZINCRBY', key, -tonumber(ARGV[1]), id) end end end",
        );
        let mut connection = self.connection().expect("open");
        let _: () = script
            .key(&self.keys[2])
            .key(&self.keys[3])
            .key(&self.keys[8])
            .arg(ms)
            .arg(gateway.unwrap_or_default())
            .invoke_async(&mut connection)
            .await
            .expect("done");
    }

    /// Lets time pass since this gateway came back.
    #[cfg(test)]
    pub(super) async fn age_return(&self, ms: u64) {
        let mut command = redis::cmd("ZINCRBY");
        let back = format!("back {}", self.gateway);
        command
            .arg(&self.keys[8])
            .arg(-i64::try_from(ms).expect("short"))
            .arg(back);
        let mut connection = self.connection().expect("open");
        let _: redis::Value = command.query_async(&mut connection).await.expect("done");
    }

    /// The name of this gateway in Redis.
    #[cfg(test)]
    pub(super) fn gateway(&self) -> &str {
        &self.gateway
    }
}
