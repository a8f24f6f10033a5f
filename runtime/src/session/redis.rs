//! Keeps sessions in Redis, so that all instances of an application, and its next version, have them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use hydra_runtime_net::redis_link::{Connection, RedisLink};
use redis::{Pipeline, RedisError};

use super::{SESSION_IDLE_TIMEOUT, SessionStore, Sessions, StoreError, VisitorId};
use crate::limits::{SESSION_REDIS_PAUSE, SESSION_REDIS_TIMEOUT};

/// Keeps sessions in Redis: those of each visitor in a hash, which Redis lets expire.
#[derive(Clone)]
pub struct RedisStore(Arc<Link>);

struct Link {
    redis: RedisLink,
    prefix: String,
    /// Locked for one look-up, never across an await.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Cloned for each call.
    connection: Option<Connection>,
    failed: Option<SystemTime>,
}

impl RedisStore {
    /// The store at `url`, whose keys begin with `prefix`: `redis://[:password@]host[:port][/db]`,
    /// `redis+sentinel://[:password@]host[:port][,host…]/master[/db]`,
    /// `redis+cluster://[:password@]host[:port][,host…]`, or the same with `rediss` for TLS. It connects at the first
    /// call.
    ///
    /// # Errors
    /// The address is wrong. The error does not show it, because it may hold a password.
    pub fn new(url: &str, prefix: impl Into<String>) -> Result<Self, StoreError> {
        let redis =
            RedisLink::new(url, SESSION_REDIS_TIMEOUT).map_err(|error| StoreError(error.to_string()))?;
        Ok(Self(Arc::new(Link {
            redis,
            prefix: prefix.into(),
            state: Mutex::default(),
        })))
    }
}

impl SessionStore for RedisStore {
    fn load(&self, visitor: VisitorId, now: SystemTime) -> BoxFuture<'static, Result<Sessions, StoreError>> {
        let link = self.0.clone();
        async move {
            let key = link.key(visitor);
            let mut calls = redis::pipe();
            calls.atomic().hgetall(&key).expire(&key, idle()).ignore();
            let (kept,): (HashMap<String, String>,) = link.call(&calls, now).await?;
            // A value that is not JSON was not written by this crate. The service starts with a new session.
            let sessions = kept
                .into_iter()
                .filter_map(|(service, session)| Some((service, serde_json::from_str(&session).ok()?)));
            Ok(sessions.collect())
        }
        .boxed()
    }

    fn save(
        &self,
        visitor: VisitorId,
        changed: Sessions,
        now: SystemTime,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        let link = self.0.clone();
        async move {
            let key = link.key(visitor);
            let mut calls = redis::pipe();
            calls.atomic();
            for (service, session) in changed {
                calls.hset(&key, service, session.to_string()).ignore();
            }
            calls.expire(&key, idle()).ignore();
            link.call::<()>(&calls, now).await
        }
        .boxed()
    }
}

impl Link {
    fn key(&self, visitor: VisitorId) -> String {
        format!("{}:session:{}", self.prefix, visitor.to_hex())
    }

    async fn call<T: redis::FromRedisValue>(
        &self,
        calls: &Pipeline,
        now: SystemTime,
    ) -> Result<T, StoreError> {
        let answer = async {
            let mut connection = self.connection(now).await?;
            let answer = calls.query_async(&mut connection).await;
            answer.map_err(|error: RedisError| StoreError(error.to_string()))
        };
        let answer = tokio::time::timeout(SESSION_REDIS_TIMEOUT, answer).await;
        let answer = answer.unwrap_or_else(|_| Err(StoreError("Redis took too long".to_owned())));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if answer.is_ok() {
            state.failed = None;
        } else if state.failed.is_none_or(|since| is_over(since, now)) {
            *state = State {
                connection: None,
                failed: Some(now),
            };
        }
        answer
    }

    async fn connection(&self, now: SystemTime) -> Result<Connection, StoreError> {
        {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(connection) = &state.connection {
                return Ok(connection.clone());
            }
            if state.failed.is_some_and(|since| !is_over(since, now)) {
                return Err(StoreError("Redis failed a moment ago".to_owned()));
            }
        }
        let connection = self.redis.connect().await;
        let connection = connection.map_err(|error| StoreError(error.to_string()))?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.connection = Some(connection.clone());
        Ok(connection)
    }
}

/// Whether the pause after a failure is over. Setting the clock back does not lengthen it.
fn is_over(since: SystemTime, now: SystemTime) -> bool {
    now.duration_since(since)
        .map_or(true, |passed| passed >= SESSION_REDIS_PAUSE)
}

fn idle() -> i64 {
    i64::try_from(SESSION_IDLE_TIMEOUT.as_secs()).unwrap_or(i64::MAX)
}
