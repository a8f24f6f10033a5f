//! Registering over a channel.

use hydra_runtime_gateway::{Gateway, GatewayConfig};
use hydra_runtime_wire::signing::Signer;

use super::*;

/// A real gateway.
async fn real_gateway(channel: bool) -> SocketAddr {
    let config = GatewayConfig {
        channel,
        ..GatewayConfig::default()
    };
    let (gateway, listener) = (Gateway::new(config).unwrap(), free().await);
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { gateway.serve(listener, std::future::pending()).await });
    address
}

fn named(gateway: SocketAddr, name: &str, port: u16) -> (Registration, PublishedOverview) {
    let overview = PublishedOverview::new(name, Vec::new(), []);
    let mut service = service_with(gateway, overview.clone());
    service.channel = true;
    (service.alive.name, service.body.name) = (name.to_owned(), Some(name.to_owned()));
    service.body.endpoints = vec![format!("/{name}")];
    (service.body.host, service.body.port) = ("127.0.0.1".to_owned(), port);
    // Heartbeats and questions would hide what a channel does not do.
    service.intervals.alive = Duration::from_secs(3_600);
    (service, overview)
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came true that {what}");
}

#[tokio::test]
async fn the_overview_comes_over_the_channel_and_the_end_of_another_service_at_once() {
    let gateway = real_gateway(true).await;
    let (shop, overview) = named(gateway, "shop", 9_001);
    let (orders, _) = named(gateway, "orders", 9_002);
    let client = shop.client.clone();
    let (_stop, _task) = start_at(shop, 9_001);
    until("the shop has a channel", || client.link().is_some()).await;
    let (stop, task) = start_at(orders, 9_002);
    until("the shop knows the other", || overview.now().is_active("orders")).await;
    stop.send(true).unwrap();
    task.await.unwrap();
    until("the other is gone", || !overview.now().is_active("orders")).await;
}

#[tokio::test]
async fn where_no_channel_is_opened_it_registers_by_post() {
    let closed = real_gateway(false).await;
    let mut test = gateway(free().await).await;
    for address in [closed, test.address] {
        let (mut service, _) = named(address, "shop", 9_001);
        assert_eq!(service.register().await, StepResult::Registered, "{address}");
        assert!(service.channels.open.is_none() && !service.wants_channel());
    }
    assert_eq!(test.calls.recv().await.unwrap().0, "registration");
    let (mut service, _) = named(real_gateway(true).await, "shop", 9_001);
    assert_eq!(service.register().await, StepResult::Registered);
    assert!(service.channels.open.is_some());
}

#[tokio::test]
async fn a_gateway_without_the_private_key_proves_nothing() {
    let (mut service, _) = named(real_gateway(true).await, "shop", 9_001);
    let client = Client::new(vec![service.client.gateway().clone()]).unwrap();
    let signer = Arc::new(Signer::new("a private key for tests", "hydra"));
    service.client = Arc::new(client.signed(signer, "shop"));
    let step = service.register().await;
    assert!(
        matches!(&step, StepResult::Refused(reason) if reason.contains("can't prove")),
        "{step:?}"
    );
    assert!(service.client.link().is_none());
}

#[tokio::test]
async fn an_answer_that_is_too_long_for_a_channel_changes_no_overview() {
    let gateway = real_gateway(true).await;
    let (orders, _) = named(gateway, "orders", 9_002);
    let (_stop, _task) = start_at(orders, 9_002);
    let (mut shop, overview) = named(gateway, "shop", 9_001);
    while !overview.now().is_active("orders") {
        assert_eq!(shop.register().await, StepResult::Registered);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let shortened = RegistrationResponse {
        hash: None,
        services: Vec::new(),
        ..RegistrationResponse::default()
    };
    assert_eq!(shop.accepted(shortened, false), StepResult::Registered);
    assert!(overview.now().is_active("orders"));
}
