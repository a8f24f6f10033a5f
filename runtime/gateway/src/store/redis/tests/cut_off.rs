//! One of several gateways loses Redis, and its services live on.

use hydra_runtime_wire::ActiveService;

use super::*;
use crate::registry::instance::{self, Instance};

#[tokio::test]
async fn instances_of_a_gateway_that_is_cut_off_count_as_active_for_30_s() {
    for (is_cut_off, silence, expected) in [
        (false, 4_000, true),
        (false, 6_000, false),
        (true, 4_000, true),
        (true, 6_000, true),
        (true, 29_000, true),
        (true, 31_000, false),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::at(folder.path());
        let [first, second] = two(&server.url).await;
        first.registers(1, &["/x"], 10_000).await;
        let gateway = is_cut_off.then(|| first.link.gateway());
        first.link.age(silence, gateway).await;
        second.refresh(Millis(10_000 + silence)).await;
        assert_eq!(ports(&second), [(1, expected)], "{is_cut_off}, {silence} ms");
    }
}

#[tokio::test]
async fn a_gateway_that_is_back_judges_the_silence_of_its_instances_again() {
    let shared = two_on_one_redis().await;
    let [first, second] = shared.stores;
    for port in [1, 2] {
        first.registers(port, &["/x"], 10_000).await;
    }
    first.link.age(8_000, Some(first.link.gateway())).await;
    second.refresh(Millis(18_000)).await;
    assert_eq!(ports(&second), [(1, true), (2, true)]);
    // The first instance sends a heartbeat. The other is silent, and has as much time as after a heartbeat.
    assert!(first.hears(1, 18_000).await);
    first.refresh(Millis(18_250)).await;
    second.refresh(Millis(18_250)).await;
    assert_eq!(ports(&second), [(1, true), (2, true)]);
    for now in [20_000, 22_000, 24_000] {
        first.link.age(2_000, Some(first.link.gateway())).await;
        assert!(first.hears(1, now).await);
        first.refresh(Millis(now)).await;
        second.refresh(Millis(now)).await;
    }
    // It hung three times more, so its instances are judged once it goes on.
    assert_eq!(ports(&second), [(1, true), (2, true)]);
    first.link.age(5_001, None).await;
    first.link.age_return(5_001).await;
    assert!(first.hears(1, 30_000).await);
    second.refresh(Millis(30_000)).await;
    assert_eq!(ports(&second), [(1, true), (2, false)]);
}

#[tokio::test]
async fn an_instance_that_went_to_another_gateway_follows_the_rules_of_that() {
    let shared = two_on_one_redis().await;
    let [first, second] = shared.stores;
    first.registers(1, &["/x"], 10_000).await;
    second.refresh(Millis(10_000)).await;
    assert!(second.hears(1, 11_000).await);
    first.link.age(6_000, Some(first.link.gateway())).await;
    second.refresh(Millis(17_000)).await;
    assert_eq!(
        ports(&second),
        [(1, false)],
        "the gateway that heard it last is there"
    );
}

fn of_protocol(protocol: u32, port: u16) -> Arc<Instance> {
    let registration = ActiveService {
        web_protocol: "http".into(),
        host: "10.0.0.1".into(),
        port,
        name: Some("a".into()),
        instance: Some(format!("uuid-{port}")),
        protocol: Some(protocol),
        ..ActiveService::default()
    };
    Arc::new(instance::check(registration, None, &RegistrationRules::default()).expect("good"))
}

#[tokio::test]
async fn at_the_gateway_that_is_cut_off_silence_tells_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::at(folder.path());
    let store = store(&server.url);
    until_found(&store, 0).await;
    store.refresh(Millis(10_000)).await;
    for (protocol, port) in [(2, 1), (1, 2), (2, 3)] {
        store
            .apply(Event::Register(of_protocol(protocol, port)), Millis(10_000))
            .await
            .expect("not refused");
    }
    server.kill();
    // Two instances are told of the outage, and one of them understands it; the third ended together with Redis. A
    // fourth registers meanwhile.
    for port in [1, 2] {
        assert!(store.hears(port, 11_000).await);
    }
    store
        .apply(Event::Register(of_protocol(2, 4)), Millis(11_000))
        .await
        .expect("not refused");
    for now in [15_500, 60_000] {
        store.refresh(Millis(now)).await;
        assert_eq!(ports(&store), [(1, true), (2, true), (3, true), (4, true)]);
    }
    // Redis is back without data: instances that still send heartbeats are written again. The fourth had the time to go to
    // another gateway. The gateway to which the others may have gone may still be cut off, so they have a while.
    server.start_again();
    store.hears(1, 60_000).await;
    until_found(&store, 60_000).await;
    store.refresh(Millis(62_000)).await;
    assert_eq!(ports(&store), [(1, true), (2, true), (3, true), (4, false)]);
    store.age(31_000).await;
    store.hears(1, 63_000).await;
    store.refresh(Millis(63_000)).await;
    assert_eq!(ports(&store), [(1, true), (2, false), (3, false), (4, false)]);
}
