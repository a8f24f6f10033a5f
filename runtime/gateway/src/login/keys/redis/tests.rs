use hydra_runtime_net::redis_link::servers::{Server, until};

use super::*;
use crate::login::keys::{KeyKeeper, KeyRing};

const NOW: u64 = 1_000_000;
const LIFE: u64 = 10_000;
const OVERLAP: u64 = 1_800;

fn keys(url: &str, private_key: &str) -> RedisKeys {
    keys_of_two(url, private_key, None)
}

fn keys_of_two(url: &str, private_key: &str, second_private_key: Option<&str>) -> RedisKeys {
    RedisKeys::new(RedisKeysConfig {
        url,
        prefix: "test",
        public_key: "K",
        private_key,
        second_private_key,
    })
    .expect("an address")
}

fn keeper(url: &str) -> KeyKeeper {
    KeyKeeper::new(Box::new(keys(url, "a private key for tests")), "K", LIFE, OVERLAP)
}

/// A server that can be reached, and its folder.
async fn redis_server() -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    until("Redis is there", async || {
        server.ask::<String>(redis::cmd("PING")).await.is_ok()
    })
    .await;
    (server, folder)
}

fn ids(ring: &KeyRing) -> String {
    ring.set()["keys"].to_string()
}

async fn refreshed(keeper: &KeyKeeper, now: u64) -> String {
    keeper.refresh(now).await.expect("Redis is there");
    ids(&keeper.ring())
}

#[tokio::test]
async fn gateways_that_start_at_once_agree_on_one_key_and_on_each_rotation() {
    let (server, _folder) = redis_server().await;
    let url = server.url.clone();
    let gateways = [keeper(&url), keeper(&url), keeper(&url)];
    for (rotations, now) in [(1, NOW), (2, NOW + LIFE)] {
        let made = futures_util::future::join_all(gateways.iter().map(|gateway| gateway.refresh(now))).await;
        assert!(made.iter().all(Result::is_ok), "{made:?}");
        let expected = refreshed(&gateways[0], now).await;
        assert_eq!(expected.matches("\"kid\"").count(), rotations);
        for gateway in &gateways[1..] {
            assert_eq!(refreshed(gateway, now).await, expected);
        }
    }
}

#[tokio::test]
async fn a_gateway_puts_back_what_redis_lost() {
    let (server, _folder) = redis_server().await;
    let url = server.url.clone();
    let gateways = [keeper(&url), keeper(&url)];
    let before = refreshed(&gateways[0], NOW).await;
    assert_eq!(refreshed(&gateways[1], NOW).await, before);
    let mut flush = redis::cmd("FLUSHALL");
    let _: () = keys(&url, "x")
        .call(flush.arg("SYNC").to_owned())
        .await
        .expect("flushed");
    for gateway in &gateways {
        assert_eq!(refreshed(gateway, NOW + 1).await, before);
    }
    assert_eq!(
        refreshed(&keeper(&url), NOW + 2).await,
        before,
        "a new gateway finds it"
    );
}

#[tokio::test]
async fn a_gateway_puts_back_a_single_lost_record_and_keeps_a_damaged_one() {
    let (server, _folder) = redis_server().await;
    let url = server.url.clone();
    let gateway = keeper(&url);
    refreshed(&gateway, NOW).await;
    let both = refreshed(&gateway, NOW + LIFE).await;
    assert_eq!(both.matches("\"kid\"").count(), 2);
    let store = keys(&url, "a private key for tests");
    for generation in [1, 2] {
        store.remove(generation).await.expect("removed");
        assert_eq!(refreshed(&gateway, NOW + LIFE + 1).await, both, "{generation}");
        assert_eq!(store.load().await.map(|records| records.len()), Ok(2));
        let mut damage = redis::cmd("HSET");
        damage.arg(&store.hash).arg(generation).arg("{}");
        let _: i64 = store.call(damage).await.expect("damaged");
        assert_eq!(refreshed(&gateway, NOW + LIFE + 2).await, both, "{generation}");
        assert_eq!(store.load().await.map(|records| records.len()), Ok(1));
        store.remove(generation).await.expect("removed");
        assert_eq!(refreshed(&gateway, NOW + LIFE + 3).await, both, "{generation}");
    }
    // A retired key does not come back.
    let late = NOW + LIFE + 60 + OVERLAP + 25 * 3_600;
    let after = refreshed(&gateway, late).await;
    assert_eq!(refreshed(&gateway, late + 1).await, after);
    assert_eq!(store.load().await.map(|records| records[0].generation), Ok(2));
}

#[tokio::test]
async fn when_the_private_key_is_changed_records_are_sealed_anew_and_nobody_is_logged_out() {
    const OLD: &str = "a private key for tests";
    const NEW: &str = "the next private key of tests";
    let (server, _folder) = redis_server().await;
    let url = server.url.clone();
    let keeper_of =
        |first, second| KeyKeeper::new(Box::new(keys_of_two(&url, first, second)), "K", LIFE, OVERLAP);
    let before = refreshed(&keeper_of(OLD, None), NOW).await;
    // First, all gateways know the next key; then, one after the other signs with it.
    let gateways = [keeper_of(OLD, Some(NEW)), keeper_of(OLD, Some(NEW))];
    for gateway in &gateways {
        assert_eq!(refreshed(gateway, NOW + 1).await, before);
    }
    let changed = keeper_of(NEW, Some(OLD));
    for gateway in [&changed, &gateways[0], &gateways[1], &changed] {
        assert_eq!(refreshed(gateway, NOW + 2).await, before);
    }
    assert_eq!(keys(&url, NEW).load().await.map(|records| records.len()), Ok(1));
    assert_eq!(
        keys(&url, OLD).load().await,
        Ok(Vec::new()),
        "the old key opens nothing"
    );
    assert_eq!(
        refreshed(&keeper_of(NEW, None), NOW + 3).await,
        before,
        "after the change"
    );
}

#[tokio::test]
async fn while_redis_is_away_the_keys_stay() {
    let (mut server, _folder) = redis_server().await;
    let gateway = keeper(&server.url);
    let before = refreshed(&gateway, NOW).await;
    server.kill();
    let error = gateway.refresh(NOW + 1).await.expect_err("Redis is away");
    assert!(error.starts_with("login keys in Redis: "), "{error}");
    assert_eq!(ids(&gateway.ring()), before);
}

#[tokio::test]
async fn a_record_of_a_stranger_is_ignored() {
    let (server, _folder) = redis_server().await;
    let url = server.url.clone();
    let gateway = keeper(&url);
    let before = refreshed(&gateway, NOW).await;
    let stranger = keys(&url, "the key of another installation");
    let made = hydra_runtime_wire::login::LoginKeyPair::generate().expect("a key");
    let record = KeyRecord::of(&made, 2, NOW, 0).expect("a record");
    assert_eq!(stranger.add(&record).await, Ok(true));
    assert_eq!(refreshed(&gateway, NOW + 1).await, before);
    assert_eq!(stranger.load().await.map(|records| records.len()), Ok(1));
}
