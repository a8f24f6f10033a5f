//! What operators change holds on every gateway, and outlives gateways and the data of Redis.

use std::collections::BTreeMap;

use super::*;
use crate::{registry::steering::SteeringChange, store::SteeringError};

const KEY: &str = "the private key of the tests";

fn weights(version: &str, weight: u32) -> SteeringChange {
    SteeringChange::Weights {
        service: "shop".to_owned(),
        weights: [(version.to_owned(), weight)].into_iter().collect(),
    }
}

fn stated(store: &RedisStore) -> Option<BTreeMap<String, u32>> {
    store.view().steering.weights("shop")?.by_version().cloned()
}

fn says(version: &str, weight: u32) -> Option<BTreeMap<String, u32>> {
    Some(BTreeMap::from([(version.to_owned(), weight)]))
}

async fn sealed_two(url: &str) -> [RedisStore; 2] {
    let stores = [(); 2].map(|()| in_redis(url, "test", "K", Some(KEY)));
    for store in &stores {
        until_found(store, 0).await;
        store.refresh(Millis(10_000)).await;
    }
    stores
}

async fn text_in(server: &Server) -> Option<String> {
    let text: RedisResult<Option<String>> = server.ask(redis::cmd("GET").arg(key("steering")).clone()).await;
    text.expect("an answer")
}

async fn overwrite(server: &Server, text: &str) {
    server.command(&["SET", &key("steering"), text]).await;
    server.command(&["SET", &key("hash"), "other"]).await;
}

#[tokio::test]
async fn a_change_is_announced_and_holds_on_all_gateways_and_on_those_that_start_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let stores = sealed_two(&server.url).await;
    let before = stores[1].version();
    stores[0]
        .steer(weights("2", 10), Millis(10_000))
        .await
        .expect("kept");
    assert_eq!(stated(&stores[0]), says("2", 10));
    tokio::time::timeout(Duration::from_secs(5), stores[1].changed())
        .await
        .expect("an announcement");
    stores[1].refresh(Millis(10_000)).await;
    assert_eq!(stated(&stores[1]), says("2", 10));
    assert!(stores[1].version() > before, "a new snapshot is due");
    let late = in_redis(&server.url, "test", "K", Some(KEY));
    until_found(&late, 0).await;
    assert_eq!(stated(&late), says("2", 10));
    let left: RedisResult<i64> = server.ask(redis::cmd("PTTL").arg(key("steering")).clone()).await;
    assert_eq!(
        left.expect("an answer"),
        -1,
        "it does not end while no gateway runs"
    );
}

#[tokio::test]
async fn changes_at_several_gateways_at_once_all_count() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let stores = sealed_two(&server.url).await;
    let drain = |n: usize| SteeringChange::DrainService {
        service: format!("service{n}"),
        is_drained: true,
        leave: None,
    };
    for turn in 0..5 {
        let (one, other) = futures_util::future::join(
            stores[0].steer(drain(2 * turn), Millis(10_000)),
            stores[1].steer(drain(2 * turn + 1), Millis(10_000)),
        )
        .await;
        assert_eq!((one, other), (Ok(()), Ok(())));
    }
    refresh(&stores, 10_250).await;
    for store in &stores {
        let steering = store.view().steering;
        assert!((0..10).all(|n| steering.is_service_drained(&format!("service{n}"))));
        assert_eq!(steering.revision(), 10);
    }
}

#[tokio::test]
async fn without_redis_nothing_changes_and_the_last_state_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::at(folder.path());
    let stores = sealed_two(&server.url).await;
    stores[0]
        .steer(weights("2", 10), Millis(10_000))
        .await
        .expect("kept");
    refresh(&stores, 10_250).await;
    server.kill();
    let refused = stores[0].steer(weights("2", 20), Millis(10_500)).await;
    assert!(matches!(refused, Err(SteeringError::NotKept(_))), "{refused:?}");
    refresh(&stores, 10_750).await;
    assert_eq!(
        [stated(&stores[0]), stated(&stores[1])],
        [says("2", 10), says("2", 10)]
    );
    // Redis comes back without its data.
    server.start_again();
    until("both write what they know, and agree", async || {
        refresh(&stores, 11_000).await;
        stores.iter().all(|store| store.outage().is_none()) && text_in(&server).await.is_some()
    })
    .await;
    stores[1]
        .steer(weights("2", 30), Millis(12_000))
        .await
        .expect("kept");
    let late = in_redis(&server.url, "test", "K", Some(KEY));
    until_found(&late, 0).await;
    assert_eq!(stated(&late), says("2", 30));
}

#[tokio::test]
async fn an_older_state_and_one_that_no_gateway_wrote_are_replaced() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let stores = sealed_two(&server.url).await;
    stores[0]
        .steer(weights("2", 10), Millis(10_000))
        .await
        .expect("kept");
    let older = text_in(&server).await.expect("a text");
    stores[0]
        .steer(weights("2", 20), Millis(10_000))
        .await
        .expect("kept");
    let newest = text_in(&server).await.expect("a text");
    refresh(&stores, 10_250).await;
    let forged = r#"{"revision":99,"weights":{"shop":{"9":1}}}"#;
    let other_key = Seal::new(Some("another private key"), stores[0].link.scope()).close("steering", forged);
    let long = "x".repeat(400_000);
    for (turn, text) in [&*older, forged, &other_key, "", "{}", &long]
        .into_iter()
        .enumerate()
    {
        overwrite(&server, text).await;
        refresh(&stores, 10_500 + 250 * u64::try_from(turn).expect("few")).await;
        assert_eq!(text_in(&server).await.as_deref(), Some(&*newest), "{text:.40}");
        assert_eq!(
            [stated(&stores[0]), stated(&stores[1])],
            [says("2", 20), says("2", 20)]
        );
    }
    assert!(
        handle.render().contains("hydra_steering_ignored_total 4"),
        "{}",
        handle.render()
    );
    // Another installation's key in the same place: the two do not overwrite each other for ever.
    let stranger = in_redis(&server.url, "test", "K", Some("another private key"));
    until_found(&stranger, 0).await;
    assert_eq!(stated(&stranger), None);
    stranger
        .steer(weights("9", 1), Millis(10_000))
        .await
        .expect("kept");
    let mut texts = Vec::new();
    for turn in 0..20 {
        let now = 20_000 + 250 * turn;
        stranger.refresh(Millis(now)).await;
        refresh(&stores, now).await;
        texts.push(text_in(&server).await);
    }
    assert!(
        texts[10..].windows(2).all(|two| two[0] == two[1]),
        "one of them stays"
    );
    assert_eq!(stated(&stores[0]), says("2", 20));
    assert_eq!(stated(&stranger), says("9", 1));
}
