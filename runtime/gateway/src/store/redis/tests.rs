//! Several gateways on one Redis, and all that can happen to it.

use std::time::{Duration, Instant};

use hydra_runtime_net::redis_link::{
    installation,
    servers::{Server, Servers, until},
};

use super::{
    link::{KEYS, Listing},
    mirror::{FetchedRecord, FetchedRecords},
    *,
};
use crate::{
    registry::state::tests::instance,
    routing::publisher::Publisher,
    store::tests::{alive, channel_ended, in_redis, over_channel, ports, register},
};

mod channels;
mod claims;
mod cut_off;
mod data_loss;
mod installations;
mod large_registry;
mod outages;
mod permissions;
mod sealed;
mod sharing;
mod steering;
mod topologies;

fn store(url: &str) -> RedisStore {
    in_redis(url, "test", "K", None)
}

/// The name of a key of these stores.
fn key(name: &str) -> String {
    format!("test:{{{}}}:{name}", installation("K"))
}

async fn until_found(store: &RedisStore, now: u64) {
    until("Redis is found", async || {
        store.refresh(Millis(now)).await;
        store.outage().is_none()
    })
    .await;
}

/// Two gateways that have found Redis, past the grace that follows.
async fn two(url: &str) -> [RedisStore; 2] {
    let stores = [store(url), store(url)];
    for store in &stores {
        until_found(store, 0).await;
        store.refresh(Millis(10_000)).await;
    }
    stores
}

async fn refresh(stores: &[RedisStore; 2], now: u64) {
    for store in stores {
        store.refresh(Millis(now)).await;
    }
}

impl RedisStore {
    /// Registers an instance of the service `a` at `now`. Nothing refuses it.
    async fn registers(&self, port: u16, endpoints: &[&str], now: u64) {
        let done = self.apply(register(port, endpoints), Millis(now)).await;
        done.expect("not refused");
    }

    /// Gets a heartbeat of an instance at `now`. Returns whether the instance is known.
    async fn hears(&self, port: u16, now: u64) -> bool {
        self.apply(alive(port), Millis(now)).await.expect("not refused")
    }
}

/// One Redis, and two gateways on it that are past the grace after finding it.
struct Shared {
    stores: [RedisStore; 2],
    server: Server,
    /// Contains the server's socket file.
    _folder: tempfile::TempDir,
}

async fn two_on_one_redis() -> Shared {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    Shared {
        stores: two(&server.url).await,
        server,
        _folder: folder,
    }
}
