//! The connection to Redis, and the calls of its script.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use redis::{RedisError, RedisResult, Script, aio::PubSub};

use crate::{
    gateway::{
        config::ConfigError,
        registry::{FORGOTTEN_AFTER, INACTIVE_AFTER},
    },
    redis_link::{Connection, RedisLink},
};

/// How long Redis may take to answer or to connect. A Redis that is slower counts as away.
const TIMEOUT: Duration = Duration::from_millis(500);
const CLOSED: &str = "there is no connection";

/// One gateway's link to Redis.
pub(super) struct Link {
    redis: RedisLink,
    script: Script,
    keys: [String; 5],
    channel: String,
    /// Cloned for each call, never held across an await.
    connection: Mutex<Option<Connection>>,
    /// Only the keeper waits for news.
    news: tokio::sync::Mutex<Option<PubSub>>,
}

/// What a call of the script gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) before: String,
    pub(super) after: String,
    pub(super) known: Vec<String>,
}

/// All that is in Redis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Loaded {
    pub(super) hash: String,
    pub(super) records: Vec<(String, String)>,
    pub(super) active: Vec<String>,
}

/// Whether an error says no more than that there is no connection, and not why.
pub(super) fn is_closed(error: &RedisError) -> bool {
    error.to_string().starts_with(CLOSED)
}

impl Link {
    pub(super) fn new(url: &str, prefix: &str) -> Result<Self, ConfigError> {
        let redis = RedisLink::new(url, TIMEOUT).map_err(|error| ConfigError::Redis(error.to_string()))?;
        if prefix.is_empty() || prefix.len() > 100 || prefix.contains(['{', '}']) || !prefix.is_ascii() {
            return Err(ConfigError::Redis(
                "the prefix must be 1 to 100 ASCII characters without braces".to_owned(),
            ));
        }
        // The braces keep all keys in one slot of a cluster, as the script needs it.
        let key = |name: &str| format!("{{{prefix}}}:{name}");
        Ok(Self {
            redis,
            script: Script::new(include_str!("registry.lua")),
            keys: ["hash", "records", "active", "inactive", "claims"].map(key),
            channel: key("changed"),
            connection: Mutex::default(),
            news: tokio::sync::Mutex::default(),
        })
    }

    /// Whether there is a connection, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// Connects. Which server takes the writes is found out anew. The connection lives in the runtime that calls this.
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
                if open.on_message().next().await.is_none() {
                    *news = None;
                    // Both connections are opened together.
                    self.close();
                }
            }
            None => std::future::pending().await,
        }
    }

    /// A number that no claim had before.
    pub(super) async fn next_claim(&self) -> RedisResult<u64> {
        let [.., claims] = &self.keys;
        redis::cmd("INCR")
            .arg(claims)
            .query_async(&mut self.connection()?)
            .await
    }

    /// Runs an operation of the script.
    pub(super) async fn call(&self, operation: &str, arguments: &[&str]) -> RedisResult<Reply> {
        let (before, after, known) = self.invoke(operation, arguments).await?;
        Ok(Reply { before, after, known })
    }

    /// Reads everything in one moment.
    pub(super) async fn load(&self) -> RedisResult<Loaded> {
        let (hash, records, active) = self.invoke("load", &[]).await?;
        Ok(Loaded {
            hash,
            records,
            active,
        })
    }

    async fn invoke<T: redis::FromRedisValue>(&self, operation: &str, arguments: &[&str]) -> RedisResult<T> {
        let mut invocation = self.script.prepare_invoke();
        for key in &self.keys {
            invocation.key(key);
        }
        invocation
            .arg(&self.channel)
            .arg(INACTIVE_AFTER)
            .arg(FORGOTTEN_AFTER)
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

    /// Lets time pass for the instances in Redis.
    #[cfg(test)]
    pub(super) async fn age(&self, ms: u64) {
        let script = Script::new(
            "for _, key in ipairs(KEYS) do for _, id in ipairs(redis.call('ZRANGE', key, 0, -1)) do \
             redis.call('ZINCRBY', key, -tonumber(ARGV[1]), id) end end",
        );
        let mut connection = self.connection().expect("open");
        let _: () = script
            .key(&self.keys[2])
            .key(&self.keys[3])
            .arg(ms)
            .invoke_async(&mut connection)
            .await
            .expect("done");
    }
}
