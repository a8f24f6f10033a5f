//! What several gateways on one Redis see of each other.

use super::*;

#[tokio::test]
async fn gateways_share_what_is_in_redis_and_outlive_its_loss() {
    let shared = two_on_one_redis().await;
    let mut server = shared.server;
    let stores = shared.stores;
    let [first, second] = &stores;
    first.registers(1, &["/x"], 10_000).await;
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
    second.registers(2, &["/y"], 11_000).await;
    refresh(&stores, 20_000).await;
    assert_eq!(ports(first), [(1, true)], "it may send its heartbeats elsewhere");
    assert_eq!(ports(second), [(1, true), (2, true)], "that second instance too");

    server.start_again();
    first.hears(1, 20_000).await;
    second.hears(2, 20_000).await;
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
async fn a_gateway_knows_how_long_ago_another_one_made_a_change() {
    let shared = two_on_one_redis().await;
    let [first, second] = &shared.stores;
    let made = Instant::now();
    first.registers(1, &["/x"], 10_000).await;
    let told = async |store: &RedisStore| {
        tokio::time::timeout(Duration::from_secs(5), store.changed())
            .await
            .expect("an announcement");
        store.age_of_change().await
    };
    let age = told(second).await.expect("another one made it");
    assert!(age <= made.elapsed(), "{age:?}");
    assert_eq!(second.age_of_change().await, None, "it is told once");
    assert_eq!(told(first).await, None, "it made the change itself");
}

#[tokio::test]
async fn clocks_of_gateways_may_differ_by_minutes() {
    const AHEAD: u64 = 45 * 60_000;
    let shared = two_on_one_redis().await;
    let [slow, fast] = shared.stores;
    slow.registers(1, &["/x"], 10_000).await;
    for passed in [0, 2_000, 4_000, 6_000, 8_000] {
        slow.age(2_000).await;
        // The instance sends heartbeats to one gateway, and is active at the other as well.
        assert!(slow.hears(1, 10_000 + passed).await);
        fast.refresh(Millis(10_000 + AHEAD + passed)).await;
        slow.refresh(Millis(10_000 + passed)).await;
        assert_eq!(ports(&fast), [(1, true)]);
        assert_eq!(ports(&slow), [(1, true)]);
    }
    // Now it sends them to the other gateway, whose clock is ahead: the slow one counts no other silence.
    slow.age(4_000).await;
    assert!(fast.hears(1, 18_000 + AHEAD).await);
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
async fn what_nobody_announced_shows_within_a_second_since_route_hashes_are_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let publisher = Arc::new(Publisher::new(Arc::new(store(&server.url))));
    let keeping = Arc::clone(&publisher);
    let keeper = tokio::spawn(async move { keeping.run().await });
    // Right after Redis was found, a gateway trusts what it knows itself.
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
        change.arg(include_str!("../registry.lua")).arg(KEYS.len());
        for name in KEYS {
            change.arg(key(name));
        }
        let id = instance("a", 1, &[]).id.clone();
        change
            .arg("a channel without subscribers")
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
async fn an_instance_that_is_lost_is_lost_on_every_gateway() {
    let shared = two_on_one_redis().await;
    let stores = shared.stores;
    stores[0].registers(1, &["/x"], 10_000).await;
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
    let shared = two_on_one_redis().await;
    let [first, second] = shared.stores;
    first.registers(1, &["/before"], 10_000).await;
    for n in 0..20 {
        let path = format!("/x{n}");
        // The order of polling makes the read happen between the two steps of the registration.
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
