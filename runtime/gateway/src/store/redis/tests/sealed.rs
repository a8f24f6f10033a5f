//! Who can write to Redis, and has no private key, takes no route.

use super::*;

const KEY: &str = "the private key of the tests";

/// Writes into Redis as a gateway does, but with any text.
async fn put(server: &Server, id: &str, text: &[u8], stamp: &str) {
    let now = 10_u64.pow(14);
    for (command, name, arguments) in [
        ("HSET", "records", vec![id.as_bytes(), text]),
        ("HSET", "stamps", vec![id.as_bytes(), stamp.as_bytes()]),
        ("ZADD", "active", vec![now.to_string().as_bytes(), id.as_bytes()]),
        ("SET", "hash", vec![stamp.as_bytes()]),
    ] {
        let mut command = redis::cmd(command);
        command.arg(key(name)).arg(&arguments);
        let done: RedisResult<redis::Value> = server.ask(command).await;
        done.expect("done");
    }
}

async fn text_of(server: &Server, id: &str) -> String {
    let text: RedisResult<Option<String>> = server
        .ask(redis::cmd("HGET").arg(key("records")).arg(id).clone())
        .await;
    text.expect("an answer").unwrap_or_default()
}

/// The record of a good instance as a gateway without a private key, or with this one, writes it.
fn record(port: u16, private_key: Option<&str>, scope: &str) -> (String, String) {
    let instance = instance("a", port, &["/stolen"]);
    let claims = vec![0; instance.paths.len()];
    let text = record::write(&instance, &claims, &Seal::new(private_key, scope));
    (instance.id.as_str().to_owned(), text)
}

#[tokio::test]
async fn records_without_the_seal_of_the_installation_are_ignored_and_counted_once() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let stores = [(); 2].map(|()| in_redis(&server.url, "test", "K", Some(KEY)));
    for store in &stores {
        until_found(store, 0).await;
        store.refresh(Millis(10_000)).await;
    }
    stores[0].registers(1, &["/x"], 10_000).await;
    refresh(&stores, 10_000).await;

    let scope = stores[0].link.scope();
    let (first, _) = record(1, None, scope);
    let (id, unsealed) = record(2, None, scope);
    put(&server, &id, unsealed.as_bytes(), "1.1:5").await;
    let (id, foreign) = record(3, Some("another private key"), scope);
    put(&server, &id, foreign.as_bytes(), "1.2:5").await;
    let (id, elsewhere) = record(4, Some(KEY), "test:{0000000000000000}:");
    put(&server, &id, elsewhere.as_bytes(), "1.3:5").await;
    // A good record of one instance under the name of another.
    let (id, _) = record(5, None, scope);
    put(&server, &id, text_of(&server, &first).await.as_bytes(), "1.4:5").await;
    put(&server, "http://10.0.0.1:6#0", b"\xff\xfe", "1.5:5").await;
    put(&server, "", b"", "1.6:5").await;
    put(&server, "http://10.0.0.1:7#0", b"sealed1..{}", "1.7:5").await;
    for turn in 1..4 {
        refresh(&stores, 10_000 + turn * 250).await;
        assert_eq!(ports(&stores[0]), [(1, true)]);
        assert_eq!(ports(&stores[1]), [(1, true)]);
    }
    let counted = handle.render();
    let seals = "hydra_registry_records_ignored_total{reason=\"seal\"} 12";
    // Two gateways, and six records. The record that is not a text has another reason.
    assert!(counted.contains(seals), "{counted}");
    assert!(counted.contains("{reason=\"unreadable\"} 2"), "{counted}");

    // A gateway that starts now believes no more than these two.
    let third = in_redis(&server.url, "test", "K", Some(KEY));
    until_found(&third, 0).await;
    third.refresh(Millis(10_000)).await;
    assert_eq!(ports(&third), [(1, true)]);
    // What is deleted is not written back.
    server
        .command(&[
            "HDEL",
            &key("stamps"),
            "http://10.0.0.1:6#0",
            "http://10.0.0.1:7#0",
        ])
        .await;
    server.command(&["SET", &key("hash"), "other"]).await;
    refresh(&stores, 11_000).await;
    let stamps: Vec<String> = server
        .ask(redis::cmd("HKEYS").arg(key("stamps")).clone())
        .await
        .expect("ids");
    assert!(
        !stamps
            .iter()
            .any(|id| id.ends_with(":6#0") || id.ends_with(":7#0"))
    );
}

#[tokio::test]
async fn a_record_that_was_written_over_is_written_again_by_the_gateway_that_hears_its_instance() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let stores = [(); 2].map(|()| in_redis(&server.url, "test", "K", Some(KEY)));
    for store in &stores {
        until_found(store, 0).await;
        store.refresh(Millis(10_000)).await;
    }
    stores[0].registers(1, &["/x"], 10_000).await;
    refresh(&stores, 10_000).await;
    let (id, forged) = record(1, None, stores[0].link.scope());
    let good = text_of(&server, &id).await;
    for (turn, text) in [forged.as_bytes(), b"", b"{}", b"\xff"].into_iter().enumerate() {
        put(&server, &id, text, &format!("2.{turn}:5")).await;
        let now = 10_250 + 250 * u64::try_from(turn).expect("few");
        for _ in 0..2 {
            refresh(&stores, now).await;
        }
        assert_eq!(text_of(&server, &id).await, good);
        for store in &stores {
            assert_eq!(ports(store), [(1, true)], "{turn}");
            assert!(store.view().entries[0].instance.serves("/x"));
        }
    }
}

#[tokio::test]
async fn a_gateway_without_a_private_key_believes_no_sealed_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let with = in_redis(&server.url, "test", "K", Some(KEY));
    let without = in_redis(&server.url, "test", "K", None);
    for store in [&with, &without] {
        until_found(store, 0).await;
        store.refresh(Millis(10_000)).await;
    }
    with.registers(1, &["/x"], 10_000).await;
    without.registers(2, &["/y"], 10_000).await;
    for store in [&with, &without] {
        store.refresh(Millis(10_250)).await;
    }
    assert_eq!(ports(&with), [(1, true)]);
    assert_eq!(ports(&without), [(2, true)]);
}
