//! Connects to Redis for the registry and for sessions: to one server, to a master that Sentinel watches, or to a
//! cluster.

mod address;
mod connection;
mod sentinel;
#[cfg(any(test, feature = "servers"))]
pub mod servers;
#[cfg(test)]
mod tests;

use std::{fmt::Write as _, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::future::{FutureExt as _, select_ok};
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, IntoConnectionInfo as _, RedisError,
    RedisResult, aio::PubSub, cluster::ClusterClient,
};

use address::Address;
pub use address::BadAddress;
pub use connection::Connection;

/// How many bytes of the hash names contain.
const HASH: usize = 8;

/// Identifies the installation in names in Redis: the beginning of the SHA-256 of its public key, in hexadecimal
/// digits. Two installations that share a Redis share no keys.
pub fn installation(public_key: &str) -> String {
    let hash = digest(&SHA256, public_key.as_bytes());
    hash.as_ref()
        .iter()
        .take(HASH)
        .fold(String::new(), |mut text, byte| {
            // Writing to a text cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The prefix of names that need not be in one slot of a cluster.
pub fn scope(prefix: &str, public_key: &str) -> String {
    format!("{prefix}:{}", installation(public_key))
}

/// The address of Redis, and the time that it may take.
pub struct RedisLink {
    address: Address,
    /// How long each answer may take, and how long connecting may take.
    timeout: Duration,
}

impl RedisLink {
    /// Parses an address. This connects to nothing.
    ///
    /// # Errors
    /// The text is not an address. The error does not show it, since it may contain a password.
    pub fn new(url: &str, timeout: Duration) -> Result<Self, BadAddress> {
        let address = Address::parse(url)?;
        Ok(Self { address, timeout })
    }

    /// Checks whether a text is an address.
    pub fn check(url: &str) -> Result<(), BadAddress> {
        Address::parse(url).map(drop)
    }

    /// Connects to the server that accepts writes, or to the whole cluster. The connection lives in the runtime of
    /// the caller. The master is found anew each time: after an error, close the connection and connect again.
    pub async fn connect(&self) -> RedisResult<Connection> {
        self.in_time(async {
            match &self.address {
                Address::One(info) => self.open(info.clone()).await.map(Connection::One),
                Address::Sentinel(master) => {
                    let (_, connection) = sentinel::master(master, self.timeout).await?;
                    Ok(Connection::One(connection))
                }
                Address::Cluster(nodes) => {
                    let cluster = ClusterClient::builder(nodes.clone())
                        .connection_timeout(self.timeout)
                        .response_timeout(self.timeout)
                        .overall_response_timeout(Some(self.timeout))
                        .retries(2)
                        .build()?;
                    let connection = cluster.get_async_connection().await?;
                    Ok(Connection::Cluster(Box::new(connection)))
                }
            }
        })
        .await
    }

    /// Subscribes to a channel. A cluster passes messages on to all its servers, so any of them will do.
    pub async fn listen(&self, channel: &str) -> RedisResult<PubSub> {
        self.in_time(async {
            match &self.address {
                Address::One(info) => listen(info.clone(), channel).await,
                Address::Sentinel(master) => {
                    let (info, _) = sentinel::master(master, self.timeout).await?;
                    listen(info, channel).await
                }
                Address::Cluster(nodes) => {
                    let any = nodes.iter().map(|node| listen(node.clone(), channel).boxed());
                    select_ok(any).await.map(|(news, _)| news)
                }
            }
        })
        .await
    }

    async fn open(&self, info: ConnectionInfo) -> RedisResult<redis::aio::MultiplexedConnection> {
        open(info, self.timeout).await
    }

    async fn in_time<T>(&self, work: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
        tokio::time::timeout(self.timeout, work)
            .await
            .unwrap_or_else(|_| Err(RedisError::from((ErrorKind::Io, "no connection in time"))))
    }
}

async fn open(info: ConnectionInfo, timeout: Duration) -> RedisResult<redis::aio::MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(timeout))
        .set_response_timeout(Some(timeout));
    Client::open(info)?
        .get_multiplexed_async_connection_with_config(&config)
        .await
}

async fn listen(info: ConnectionInfo, channel: &str) -> RedisResult<PubSub> {
    let mut news = Client::open(info.into_connection_info()?)?
        .get_async_pubsub()
        .await?;
    news.subscribe(channel).await?;
    Ok(news)
}
