//! Installations that share a Redis share nothing in it.

use super::*;

#[tokio::test]
async fn what_one_installation_registers_no_other_sees() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let installations = [
        ("hydra", "prod"),
        ("hydra", "staging"),
        ("hydra", "Prod"),
        ("hydra", "prod "),
        ("hydra", "pröd"),
        ("hydra", ""),
        ("hydra2", "prod"),
        ("hydra:x", "prod"),
    ];
    let mut stores = Vec::new();
    for (prefix, key) in installations {
        let store = in_redis(&server.url, prefix, key, None);
        until_found(&store, 0).await;
        store.refresh(Millis(10_000)).await;
        stores.push(store);
    }
    for (store, port) in stores.iter().zip(1..) {
        store.registers(port, &["/x"], 10_000).await;
        // The same instance in all of them: what one says of it is nothing to the others.
        store.registers(99, &["/x"], 10_000).await;
    }
    let lost = Event::Lost(instance("a", 99, &[]).id.clone());
    stores[0].apply(lost, Millis(10_000)).await.expect("not refused");
    for (at, store) in stores.iter().enumerate() {
        store.refresh(Millis(10_250)).await;
        let port = u16::try_from(at + 1).expect("few");
        assert_eq!(
            ports(store),
            [(port, true), (99, at > 0)],
            "{:?}",
            installations[at]
        );
    }
    let mut keys: Vec<String> = server
        .ask(redis::cmd("KEYS").arg("*").clone())
        .await
        .expect("keys");
    keys.sort();
    let bears_its_installation = |name: &String| {
        installations
            .iter()
            .any(|(prefix, key)| name.starts_with(&format!("{prefix}:{{{}}}:", installation(key))))
    };
    assert!(keys.iter().all(bears_its_installation), "{keys:?}");
    let channels: Vec<String> = server
        .ask(redis::cmd("PUBSUB").arg("CHANNELS").clone())
        .await
        .expect("channels");
    assert!(channels.iter().all(bears_its_installation), "{channels:?}");
    assert_eq!(channels.len(), installations.len());
}

#[test]
fn the_name_of_an_installation_is_the_same_on_every_gateway() {
    // The beginning of the SHA-256 of `K`.
    assert_eq!(installation("K"), "86be9a55762d316a");
    assert_eq!(
        hydra_runtime_net::redis_link::scope("hydra", "K"),
        "hydra:86be9a55762d316a"
    );
}
