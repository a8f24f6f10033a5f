//! Calls to the Redis of an installation, for what the login keeps there.

use std::sync::{Mutex, PoisonError};

use hydra_runtime_net::redis_link::{Connection, RedisLink, installation};
use redis::{FromRedisValue, RedisResult};

use crate::{
    GatewayConfig,
    config::{ConfigError, Secret},
    limits::REDIS_TIMEOUT,
};

/// A connection that is opened when it is needed, and again after an error.
pub(crate) struct RedisCalls {
    link: RedisLink,
    /// Cloned for each call. The lock is never held across an await.
    connection: Mutex<Option<Connection>>,
}

impl RedisCalls {
    /// Calls to the Redis of the settings. This connects to nothing. `None`: they have none.
    pub(crate) fn of(config: &GatewayConfig) -> Result<Option<Self>, ConfigError> {
        let Some(url) = config.redis.as_ref().map(Secret::reveal) else {
            return Ok(None);
        };
        Self::to(url).map(Some)
    }

    /// Calls to the Redis at this address. This connects to nothing.
    pub(crate) fn to(url: &str) -> Result<Self, ConfigError> {
        let link =
            RedisLink::new(url, REDIS_TIMEOUT).map_err(|error| ConfigError::Redis(error.to_string()))?;
        Ok(Self {
            link,
            connection: Mutex::default(),
        })
    }

    /// Sends a command.
    ///
    /// # Errors
    /// Redis can't be used. The error is a message for people.
    pub(crate) async fn call<T: FromRedisValue>(&self, command: redis::Cmd) -> Result<T, String> {
        let open = || self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let known = open().clone();
        let called: RedisResult<T> = async {
            let mut connection = match known {
                Some(connection) => connection,
                None => self.link.connect().await?,
            };
            *open() = Some(connection.clone());
            command.query_async(&mut connection).await
        }
        .await;
        called.map_err(|error| {
            // The next call connects anew, and finds the server that accepts writes.
            *open() = None;
            format!("Redis: {error}")
        })
    }
}

/// What all names of an installation in Redis begin with. They are in one slot of a cluster.
pub(crate) fn scope(config: &GatewayConfig) -> String {
    format!("{}:{{{}}}", config.redis_prefix, installation(&config.public_key))
}
