//! Asks Sentinel which server is the master.

use std::time::Duration;

use futures_util::future::{FutureExt as _, select_ok};
use redis::{ConnectionInfo, ErrorKind, RedisError, RedisResult, Value, aio::MultiplexedConnection};

use super::{address::SentinelMaster, open};

/// The master, and a connection to it. All Sentinels are asked at once: one that is away or out of date costs no time
/// while another one leads to a server that confirms to be the master.
pub(super) async fn master(
    master: &SentinelMaster,
    timeout: Duration,
) -> RedisResult<(ConnectionInfo, MultiplexedConnection)> {
    let ways = master
        .sentinels
        .iter()
        .map(|sentinel| by(sentinel.clone(), master, timeout).boxed());
    select_ok(ways).await.map(|(master, _)| master)
}

async fn by(
    sentinel: ConnectionInfo,
    master: &SentinelMaster,
    timeout: Duration,
) -> RedisResult<(ConnectionInfo, MultiplexedConnection)> {
    let mut asked = open(sentinel, timeout).await?;
    let place: Option<(String, u16)> = redis::cmd("SENTINEL")
        .arg("GET-MASTER-ADDR-BY-NAME")
        .arg(&master.name)
        .query_async(&mut asked)
        .await?;
    let Some((host, port)) = place else {
        return Err(RedisError::from((
            ErrorKind::Io,
            "Sentinel knows no master of that name",
        )));
    };
    let info = master.server(host, port);
    let mut server = open(info.clone(), timeout).await?;
    // For some seconds after a failover, a Sentinel may still name the former master.
    let role: Vec<Value> = redis::cmd("ROLE").query_async(&mut server).await?;
    let is_master = matches!(role.first(), Some(Value::BulkString(role)) if role == b"master");
    if is_master {
        Ok((info, server))
    } else {
        Err(RedisError::from((ErrorKind::Io, "the server is not a master")))
    }
}
