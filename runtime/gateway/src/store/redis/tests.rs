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
    store::tests::{alive, in_redis, ports, register},
};

mod cut_off;
mod data_loss;
mod installations;
mod permissions;
mod sealed;

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

#[tokio::test]
async fn gateways_share_what_is_in_redis_and_outlive_its_loss() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::at(folder.path());
    let stores = two(&server.url).await;
    let [first, second] = &stores;
    first
        .apply(register(1, &["/x"]), Millis(10_000))
        .await
        .expect("not refused");
    tokio::time::timeout(Duration::from_secs(5), second.changed())
        .await
        .expect("an announcement");
    second.refresh(Millis(10_000)).await;
    assert_eq!(ports(second), [(1, true)]);
    assert_eq!(
        first.view().entries[0].instance.fingerprint,
        second.view().entries[0].instance.fingerprint
    );

    server.kill();
    refresh(&stores, 11_000).await;
    assert!(first.outage().is_some() && second.outage().is_some());
    second
        .apply(register(2, &["/y"]), Millis(11_000))
        .await
        .expect("not refused");
    refresh(&stores, 20_000).await;
    assert_eq!(
        ports(first),
        [(1, false)],
        "it speaks to this gateway, and fell silent"
    );
    assert_eq!(
        ports(second),
        [(1, true), (2, false)],
        "nobody here can know of the first one's silence"
    );

    server.start_again();
    first.apply(alive(1), Millis(20_000)).await.expect("not refused");
    second.apply(alive(2), Millis(20_000)).await.expect("not refused");
    until("both know all", async || {
        refresh(&stores, 20_500).await;
        ports(first) == [(1, true), (2, true)] && ports(second) == ports(first)
    })
    .await;
    refresh(&stores, 30_000).await;
    assert_eq!(
        ports(first),
        [(1, true), (2, true)],
        "Redis was told all, so the end of the grace changes nothing"
    );
    assert_eq!(ports(second), ports(first));
    assert!(first.outage().is_none());
}

#[tokio::test]
async fn clocks_of_gateways_may_differ_by_minutes() {
    const AHEAD: u64 = 45 * 60_000;
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let [slow, fast] = two(&server.url).await;
    slow.apply(register(1, &["/x"]), Millis(10_000))
        .await
        .expect("not refused");
    for passed in [0, 2_000, 4_000, 6_000, 8_000] {
        slow.age(2_000).await;
        // It speaks to the one, and is as much alive at the other.
        assert!(
            slow.apply(alive(1), Millis(10_000 + passed))
                .await
                .expect("not refused")
        );
        fast.refresh(Millis(10_000 + AHEAD + passed)).await;
        slow.refresh(Millis(10_000 + passed)).await;
        assert_eq!(ports(&fast), [(1, true)]);
        assert_eq!(ports(&slow), [(1, true)]);
    }
    // Now to the other, whose clock is ahead: the one that is behind counts its silence no other.
    slow.age(4_000).await;
    assert!(
        fast.apply(alive(1), Millis(18_000 + AHEAD))
            .await
            .expect("not refused")
    );
    slow.age(4_000).await;
    slow.refresh(Millis(20_000)).await;
    assert_eq!(ports(&slow), [(1, true)]);
    slow.age(2_000).await;
    for (store, now) in [(&slow, 20_000), (&fast, 20_000 + AHEAD)] {
        store.refresh(Millis(now)).await;
        assert_eq!(ports(store), [(1, false)], "5 s of silence by the clock of Redis");
    }
}

#[tokio::test]
async fn a_redis_that_is_full_counts_as_away_until_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let stores = two(&server.url).await;
    let [first, second] = &stores;
    first
        .apply(register(1, &["/x"]), Millis(10_000))
        .await
        .expect("not refused");
    refresh(&stores, 10_000).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(
        first.apply(alive(1), Millis(11_000)).await.expect("not refused"),
        "it goes on here"
    );
    second
        .apply(register(2, &["/y"]), Millis(11_000))
        .await
        .expect("not refused");
    for _ in 0..3 {
        refresh(&stores, 11_500).await;
        assert!(
            first.apply(alive(1), Millis(11_500)).await.expect("not refused"),
            "there is no connection now"
        );
        for store in [first, second] {
            let outage = store.outage().expect("it says so, and does not change its mind");
            assert!(outage.contains("Redis is full"), "{outage}");
        }
    }
    assert_eq!(ports(first), [(1, true)]);
    assert_eq!(ports(second), [(1, true), (2, true)]);
    server.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    for now in [12_000, 12_250] {
        refresh(&stores, now).await;
    }
    assert_eq!(ports(first), [(1, true), (2, true)]);
    assert_eq!(ports(second), ports(first));
    assert!(first.outage().is_none() && second.outage().is_none());
}

#[tokio::test]
async fn a_read_only_replica_counts_as_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let stores = two(&server.url).await;
    stores[0]
        .apply(register(1, &["/x"]), Millis(10_000))
        .await
        .expect("not refused");
    server.command(&["REPLICAOF", "127.0.0.1", "1"]).await;
    assert!(
        stores[0]
            .apply(alive(1), Millis(11_000))
            .await
            .expect("not refused")
    );
    for _ in 0..3 {
        refresh(&stores, 11_000).await;
    }
    let outage = stores[0].outage().expect("it says so");
    assert!(outage.contains("Redis"), "{outage}");
    assert_eq!(ports(&stores[0]), [(1, true)]);
    server.command(&["REPLICAOF", "NO", "ONE"]).await;
    refresh(&stores, 11_500).await;
    assert!(stores.iter().all(|store| store.outage().is_none()));
    assert_eq!(ports(&stores[1]), [(1, true)]);
}

#[tokio::test]
async fn the_registry_follows_sentinel_to_the_new_master() {
    let mut servers = Servers::with_sentinel().await;
    let stores = two(&servers.url).await;
    let [first, second] = &stores;
    first
        .apply(register(1, &["/x"]), Millis(10_000))
        .await
        .expect("not refused");
    refresh(&stores, 10_000).await;
    servers.servers[0].kill();
    // It goes on while there is no master, and is told what happened meanwhile.
    second
        .apply(register(2, &["/y"]), Millis(10_500))
        .await
        .expect("not refused");
    assert_eq!(ports(second), [(1, true), (2, true)]);
    assert!(second.outage().is_some());
    until("both follow", async || {
        first.apply(alive(1), Millis(11_000)).await.expect("not refused");
        refresh(&stores, 11_000).await;
        stores.iter().all(|store| store.outage().is_none()) && ports(first) == ports(second)
    })
    .await;
    assert_eq!(ports(first), [(1, true), (2, true)]);
    let known: usize = servers.servers[1]
        .ask(redis::cmd("HLEN").arg(key("records")).clone())
        .await
        .expect("an answer");
    assert_eq!(known, 2, "the server that was the replica has it all");
}

#[tokio::test]
async fn news_travel_through_any_server_of_a_cluster() {
    let servers = Servers::cluster().await;
    let [first, second] = two(&servers.url).await;
    first
        .apply(register(1, &["/x"]), Millis(10_000))
        .await
        .expect("not refused");
    tokio::time::timeout(Duration::from_secs(5), second.changed())
        .await
        .expect("an announcement");
    second.refresh(Millis(10_000)).await;
    assert_eq!(ports(&second), [(1, true)]);
}

#[tokio::test]
async fn the_registry_follows_a_cluster_to_the_replica_that_took_over() {
    let mut servers = Servers::cluster().await;
    let owner = servers.add_replica(&installation("K")).await;
    let stores = two(&servers.url).await;
    let [first, second] = &stores;
    first
        .apply(register(1, &["/x"]), Millis(10_000))
        .await
        .expect("not refused");
    refresh(&stores, 10_000).await;
    servers.servers[owner].kill();
    second
        .apply(register(2, &["/y"]), Millis(10_500))
        .await
        .expect("not refused");
    let replica = &servers.servers[3];
    until("the replica is a master", async || {
        first.apply(alive(1), Millis(11_000)).await.expect("not refused");
        second.apply(alive(2), Millis(11_000)).await.expect("not refused");
        refresh(&stores, 11_000).await;
        assert_eq!(
            ports(second),
            [(1, true), (2, true)],
            "it goes on with what it knows"
        );
        assert!(ports(first).contains(&(1, true)));
        let role: String = replica
            .ask(redis::cmd("INFO").arg("REPLICATION").clone())
            .await
            .expect("an answer");
        role.contains("role:master")
    })
    .await;
    let since = Instant::now();
    until("both follow", async || {
        // As often as a gateway does it.
        tokio::time::sleep(Duration::from_millis(250)).await;
        refresh(&stores, 11_500).await;
        stores.iter().all(|store| store.outage().is_none()) && ports(first) == ports(second)
    })
    .await;
    let took = since.elapsed();
    eprintln!("both are right again after {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(ports(first), [(1, true), (2, true)]);
    refresh(&stores, 14_000).await;
    assert_eq!(ports(first), [(1, true), (2, true)], "also after the grace");
    assert_eq!(ports(second), ports(first));
    let known: usize = replica
        .ask(redis::cmd("HLEN").arg(key("records")).clone())
        .await
        .expect("an answer");
    assert_eq!(known, 2, "the server that was the replica has it all");
}

#[tokio::test]
async fn what_nobody_announced_shows_within_a_second_since_route_hashes_are_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let publisher = Arc::new(Publisher::new(Arc::new(store(&server.url))));
    let keeping = Arc::clone(&publisher);
    let keeper = tokio::spawn(async move { keeping.keep().await });
    // Right after Redis was found, a gateway believes what it knows itself.
    until("Redis is found, and the grace is over", async || {
        publisher.outage().is_none() && publisher.now() > Millis(3_000)
    })
    .await;
    publisher.apply(register(1, &["/x"])).await.expect("not refused");
    let is_active = || {
        publisher
            .snapshot()
            .service("a")
            .is_some_and(|one| !one.active.is_empty())
    };
    assert!(is_active());
    for (operation, expected) in [("lost", false), ("alive", true)] {
        let mut change = redis::cmd("EVAL");
        change.arg(include_str!("registry.lua")).arg(KEYS.len());
        for name in KEYS {
            change.arg(key(name));
        }
        let id = instance("a", 1, &[]).id.clone();
        change
            .arg("a channel to which nobody listens")
            .arg(5_000)
            .arg(600_000)
            .arg("a gateway")
            .arg(1_000)
            .arg(30_000);
        let done: RedisResult<redis::Value> =
            server.ask(change.arg(operation).arg(id.as_str()).clone()).await;
        done.expect("done");
        let since = Instant::now();
        until("it shows", async || is_active() == expected).await;
        assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    }
    keeper.abort();
}

#[tokio::test]
async fn whether_redis_is_there_is_a_metric() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::at(folder.path());
    let store = store(&server.url);
    until_found(&store, 0).await;
    assert!(
        handle.render().contains("hydra_redis_up 1"),
        "{}",
        handle.render()
    );
    server.kill();
    store.refresh(Millis(1_000)).await;
    assert!(
        handle.render().contains("hydra_redis_up 0"),
        "{}",
        handle.render()
    );
    assert!(handle.render().contains("hydra_redis_lost_total 1"));
}

#[tokio::test]
async fn no_trouble_shows_the_password_of_an_address() {
    for url in [
        "redis://:s3cret@127.0.0.1:1",
        "redis+sentinel://:s3cret@127.0.0.1:1/shop?sentinel_password=s3cret",
        "redis+cluster://user:s3cret@127.0.0.1:1,127.0.0.1:2",
    ] {
        let store = store(url);
        let error = store.link.open().await.expect_err("nobody is there").to_string();
        store.refresh(Millis(0)).await;
        let outage = store.outage().expect("nobody is there");
        assert!(
            !error.contains("s3cret") && !outage.contains("s3cret"),
            "{error} {outage}"
        );
    }
    let place = RedisStoreConfig {
        url: &Secret::new("redis+sentinel://:s3cret@host".to_owned()),
        prefix: "test",
        public_key: "K",
        private_key: None,
    };
    let refused = RedisStore::new(place, RegistrationRules::default());
    let refused = refused.err().expect("it names no master").to_string();
    assert!(
        !refused.contains("s3cret") && refused.contains("redis+cluster"),
        "{refused}"
    );
}

#[tokio::test]
async fn an_instance_that_is_lost_is_lost_on_every_gateway() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let stores = two(&server.url).await;
    stores[0]
        .apply(register(1, &["/x"]), Millis(10_000))
        .await
        .expect("not refused");
    refresh(&stores, 10_000).await;
    let id = instance("a", 1, &[]).id.clone();
    stores[1]
        .apply(Event::Lost(id), Millis(10_000))
        .await
        .expect("not refused");
    refresh(&stores, 10_250).await;
    assert_eq!(ports(&stores[0]), [(1, false)]);
    assert_eq!(ports(&stores[1]), [(1, false)]);
}

#[tokio::test]
async fn a_registration_outlives_what_was_read_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let [first, second] = two(&server.url).await;
    first
        .apply(register(1, &["/before"]), Millis(10_000))
        .await
        .expect("not refused");
    for n in 0..20 {
        let path = format!("/x{n}");
        // Polled in this order: Redis is asked for all that it has between the two steps of the registration.
        let registered = first.apply(register(1, &[&path]), Millis(10_000));
        let (_, read) = futures_util::future::join(registered, first.read(Millis(10_000))).await;
        read.expect("Redis is there");
        first.refresh(Millis(10_000)).await;
        second.refresh(Millis(10_000)).await;
        for store in [&first, &second] {
            let entries = store.view().entries;
            assert!(
                entries[0].instance.serves(&path),
                "{path}: {:?}",
                entries[0].instance.registration.endpoints
            );
        }
    }
}

#[tokio::test]
async fn a_service_that_moved_to_another_gateway_outlives_the_loss_of_redis() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::at(folder.path());
    let [first, second] = two(&server.url).await;
    first
        .apply(register(1, &["/x"]), Millis(10_000))
        .await
        .expect("not refused");
    second.refresh(Millis(10_000)).await;
    for now in [12_000, 14_000, 16_000] {
        first.age(2_000).await;
        assert!(
            second.apply(alive(1), Millis(now)).await.expect("not refused"),
            "it speaks to the other one now"
        );
        first.refresh(Millis(now)).await;
    }
    server.kill();
    first.refresh(Millis(16_250)).await;
    assert!(first.outage().is_some());
    assert_eq!(
        ports(&first),
        [(1, true)],
        "who was last heard of by others is theirs to judge"
    );
}

/// Of twenty thousand instances, Redis knows the even ones, and calls every fourth active.
#[test]
fn what_a_large_redis_lacks_during_a_grace_is_kept_in_a_moment() {
    const MANY: u16 = 20_000;
    let (mut mirror, mut listing, mut fetched) =
        (Mirror::default(), Listing::default(), FetchedRecords::new());
    let seal = Seal::new(None, "");
    for port in 1..=MANY {
        let instance = instance(&format!("a{port}"), port, &[]);
        let written = mirror
            .register(&instance, Some(&1), &seal, Millis(0))
            .expect("not refused");
        let id = instance.id.as_str().to_owned();
        if port % 2 == 0 {
            let found = record::read(
                &id,
                written.text.into_bytes(),
                &seal,
                &RegistrationRules::default(),
            );
            let stamp = "1".to_owned();
            listing.stamps.insert(id.clone(), stamp.clone());
            fetched.insert(id.clone(), FetchedRecord { stamp, found });
        }
        if port % 4 == 0 {
            listing.active.insert(id);
        }
        if port % 5 == 0 {
            mirror.lost(instance.id.clone(), Millis(0));
        }
    }
    mirror.reconnected("a generation", Millis(0));
    let started = std::time::Instant::now();
    mirror.install(listing, fetched, Millis(1));
    let took = started.elapsed();
    let entries = mirror.view().entries;
    assert_eq!(entries.len(), usize::from(MANY), "who is missing in Redis stays");
    let is_active = |port: u16| port.is_multiple_of(4) || !port.is_multiple_of(5);
    assert!(
        entries
            .iter()
            .all(|entry| entry.is_active == is_active(entry.instance.registration.port))
    );
    // Looking for each among all takes many times as long.
    assert!(took < Duration::from_secs(20), "{took:?}");
}
