//! Login keys in Redis, which all gateways of an installation share: one hash, with a field for each generation.

mod seal;

use futures_util::future::{BoxFuture, FutureExt as _};
use hydra_runtime_net::redis_link::installation;
use redis::FromRedisValue;

use super::{KeyRecord, KeyStore};
use crate::{
    config::ConfigError,
    limits::{MAX_ENDED_LOGINS, MAX_LOGIN_KEY_BYTES, MAX_LOGIN_KEY_FILES},
    login::{ended::Ending, redis_calls::RedisCalls},
};
use seal::{KeySeal, Opened};

const CANT_SEAL: &str = "the platform's cryptography can't seal a key";

/// The keys of one installation in Redis.
pub(crate) struct RedisKeys {
    calls: RedisCalls,
    hash: String,
    /// The ended logins: a sorted set, by the time when each can be forgotten.
    ended: String,
    seal: KeySeal,
}

/// Which keys, and where.
#[derive(Clone, Copy)]
pub(crate) struct RedisKeysConfig<'a> {
    pub(crate) url: &'a str,
    pub(crate) prefix: &'a str,
    pub(crate) public_key: &'a str,
    pub(crate) private_key: &'a str,
    /// Another private key whose records are opened too, and sealed anew.
    pub(crate) second_private_key: Option<&'a str>,
}

/// Replaces a record if it is still the one that was read.
const RESEAL: &str = "if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then \
                      return redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) else return -1 end";

impl RedisKeys {
    /// Keys in Redis. This connects to nothing.
    pub(crate) fn new(config: RedisKeysConfig<'_>) -> Result<Self, ConfigError> {
        let scope = format!("{}:{{{}}}", config.prefix, installation(config.public_key));
        Ok(Self {
            calls: RedisCalls::to(config.url)?,
            hash: format!("{scope}:login-keys"),
            ended: format!("{scope}:login-ends"),
            seal: KeySeal::new(config.private_key, config.public_key)
                .with_second_key(config.second_private_key),
        })
    }

    async fn call<T: FromRedisValue>(&self, command: redis::Cmd) -> Result<T, String> {
        let called = self.calls.call(command).await;
        called.map_err(|error| format!("login keys in {error}"))
    }

    async fn read(&self) -> Result<Vec<KeyRecord>, String> {
        let mut length = redis::cmd("HLEN");
        length.arg(&self.hash);
        let count: usize = self.call(length).await?;
        if count > MAX_LOGIN_KEY_FILES {
            return Err(format!(
                "Redis has {count} login keys, more than {MAX_LOGIN_KEY_FILES}"
            ));
        }
        let mut all = redis::cmd("HGETALL");
        all.arg(&self.hash);
        let found: Vec<(String, Vec<u8>)> = self.call(all).await?;
        let mut records = Vec::new();
        for (field, text) in found {
            match self.open(&field, &text) {
                Ok(Opened { record, by_second }) => {
                    if by_second {
                        self.seal_anew(&record, &text).await?;
                    }
                    records.push(record);
                }
                Err(reason) => {
                    metrics::counter!("hydra_login_keys_ignored_total").increment(1);
                    tracing::warn!(generation = %hydra_runtime_wire::lines::cut(&field), reason, "a login key in Redis is ignored");
                }
            }
        }
        records.sort_by_key(|record: &KeyRecord| record.generation);
        Ok(records)
    }

    fn open(&self, field: &str, text: &[u8]) -> Result<Opened, &'static str> {
        if text.len() as u64 > MAX_LOGIN_KEY_BYTES {
            return Err("it is too long");
        }
        let text = std::str::from_utf8(text).map_err(|_| "it is not a text")?;
        let opened = self.seal.open(text)?;
        if opened.record.generation.to_string() != field {
            return Err("it is the record of another generation");
        }
        let has_key = opened.record.pair().is_some();
        has_key.then_some(opened).ok_or("it does not contain a login key")
    }

    /// Seals a record with the private key, which was sealed with the second one.
    async fn seal_anew(&self, record: &KeyRecord, former: &[u8]) -> Result<(), String> {
        let text = self.seal.close(record).ok_or(CANT_SEAL)?;
        let mut command = redis::cmd("EVAL");
        command.arg(RESEAL).arg(1).arg(&self.hash);
        command.arg(record.generation).arg(former).arg(text);
        if self.call::<i64>(command).await? >= 0 {
            tracing::info!(
                generation = record.generation,
                "a login key was sealed with the new private key"
            );
        }
        Ok(())
    }
}

impl KeyStore for RedisKeys {
    fn load(&self) -> BoxFuture<'_, Result<Vec<KeyRecord>, String>> {
        self.read().boxed()
    }

    fn add<'a>(&'a self, record: &'a KeyRecord) -> BoxFuture<'a, Result<bool, String>> {
        async move {
            let text = self.seal.close(record).ok_or(CANT_SEAL)?;
            let mut command = redis::cmd("HSETNX");
            command.arg(&self.hash).arg(record.generation).arg(text);
            self.call(command).await
        }
        .boxed()
    }

    fn remove(&self, generation: u64) -> BoxFuture<'_, Result<(), String>> {
        let mut command = redis::cmd("HDEL");
        command.arg(&self.hash).arg(generation);
        async move { self.call::<u64>(command).await.map(drop) }.boxed()
    }

    fn end<'a>(&'a self, ending: &'a Ending) -> BoxFuture<'a, Result<(), String>> {
        let mut command = redis::cmd("ZADD");
        let line = serde_json::to_string(ending).unwrap_or_default();
        command.arg(&self.ended).arg(ending.until()).arg(line);
        async move { self.call::<u64>(command).await.map(drop) }.boxed()
    }

    fn endings(&self, now: u64) -> BoxFuture<'_, Result<Vec<Ending>, String>> {
        let mut forget = redis::cmd("ZREMRANGEBYSCORE");
        forget.arg(&self.ended).arg("-inf").arg(now);
        let mut all = redis::cmd("ZREVRANGE");
        all.arg(&self.ended).arg(0).arg(MAX_ENDED_LOGINS);
        async move {
            self.call::<u64>(forget).await?;
            let lines: Vec<Vec<u8>> = self.call(all).await?;
            Ok(lines
                .iter()
                .filter_map(|line| serde_json::from_slice(line).ok())
                .collect())
        }
        .boxed()
    }

    fn loses_data(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
