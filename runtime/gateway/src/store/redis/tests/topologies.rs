//! Redis behind Sentinel, and as a cluster.

use super::*;

#[tokio::test]
async fn the_registry_follows_sentinel_to_the_new_master() {
    let mut servers = Servers::with_sentinel().await;
    let stores = two(&servers.url).await;
    let [first, second] = &stores;
    first.registers(1, &["/x"], 10_000).await;
    refresh(&stores, 10_000).await;
    servers.servers[0].kill();
    // The gateway goes on without a master, and learns afterwards what happened.
    second.registers(2, &["/y"], 10_500).await;
    assert_eq!(ports(second), [(1, true), (2, true)]);
    assert!(second.outage().is_some());
    until("both follow", async || {
        first.hears(1, 11_000).await;
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
    first.registers(1, &["/x"], 10_000).await;
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
    first.registers(1, &["/x"], 10_000).await;
    refresh(&stores, 10_000).await;
    servers.servers[owner].kill();
    second.registers(2, &["/y"], 10_500).await;
    let replica = &servers.servers[3];
    until("the replica is a master", async || {
        first.hears(1, 11_000).await;
        second.hears(2, 11_000).await;
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
        // As often as a gateway refreshes.
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
