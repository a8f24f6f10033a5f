//! A Redis that is away, full, read-only or lost, and how the gateways report it.

use super::*;

#[tokio::test]
async fn a_redis_that_is_full_counts_as_away_until_there_is_room() {
    let shared = two_on_one_redis().await;
    let server = shared.server;
    let stores = shared.stores;
    let [first, second] = &stores;
    first.registers(1, &["/x"], 10_000).await;
    refresh(&stores, 10_000).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(first.hears(1, 11_000).await, "it goes on here");
    second.registers(2, &["/y"], 11_000).await;
    for _ in 0..3 {
        refresh(&stores, 11_500).await;
        assert!(first.hears(1, 11_500).await, "there is no connection now");
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
    let shared = two_on_one_redis().await;
    let server = shared.server;
    let stores = shared.stores;
    stores[0].registers(1, &["/x"], 10_000).await;
    server.command(&["REPLICAOF", "127.0.0.1", "1"]).await;
    assert!(stores[0].hears(1, 11_000).await);
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
async fn a_service_that_moved_to_another_gateway_outlives_the_loss_of_redis() {
    let shared = two_on_one_redis().await;
    let mut server = shared.server;
    let [first, second] = shared.stores;
    first.registers(1, &["/x"], 10_000).await;
    second.refresh(Millis(10_000)).await;
    for now in [12_000, 14_000, 16_000] {
        first.age(2_000).await;
        assert!(second.hears(1, now).await, "it speaks to the other one now");
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
        let error = store
            .link
            .open()
            .await
            .expect_err("no server listens")
            .to_string();
        store.refresh(Millis(0)).await;
        let outage = store.outage().expect("no server listens");
        assert!(
            !error.contains("s3cret") && !outage.contains("s3cret"),
            "{error} {outage}"
        );
    }
    let place = RedisStoreConfig {
        url: &Secret::new("redis+sentinel://:s3cret@host".to_owned()),
        prefix: "test",
        public_key: "K",
        private_keys: [None, None],
    };
    let refused = RedisStore::new(place, RegistrationRules::default());
    let refused = refused.err().expect("it names no master").to_string();
    assert!(
        !refused.contains("s3cret") && refused.contains("redis+cluster"),
        "{refused}"
    );
}

/// Heartbeats of protocol 1 have only a name, and count for all instances of that name. When the instance that sent
/// them here ends, the others are silent here, although they send theirs to another gateway.
#[tokio::test]
async fn silence_here_says_nothing_while_redis_is_away() {
    for (heard_meanwhile, paused, silent_until) in [
        (None, None, 15_500),
        (None, None, 60_000),
        (Some(12_000), None, 60_000),
        (None, Some(6_000), 60_000),
        (Some(12_000), Some(6_000), 60_000),
    ] {
        let shared = two_on_one_redis().await;
        let mut server = shared.server;
        let [first, second] = shared.stores;
        first.registers(1, &["/x"], 10_000).await;
        second.registers(2, &["/x"], 10_000).await;
        first.refresh(Millis(10_000)).await;
        assert!(first.hears(2, 10_000).await);
        server.kill();
        first.refresh(Millis(11_000)).await;
        if let Some(now) = heard_meanwhile {
            assert!(first.hears(2, now).await);
        }
        if let Some(length) = paused {
            let pause = first.apply(Event::Paused(length), Millis(12_000 + length));
            pause.await.expect("not refused");
        }
        for now in [silent_until - 1_000, silent_until] {
            first.refresh(Millis(now)).await;
        }
        assert!(first.outage().is_some());
        let expected = [(1, true), (2, true)];
        assert_eq!(
            ports(&first),
            expected,
            "{heard_meanwhile:?}, {paused:?}, until {silent_until}"
        );
    }
}
