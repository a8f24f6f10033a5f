//! Several gateways: which one an application uses.

use super::*;

#[tokio::test]
async fn it_leaves_a_gateway_that_answers_with_an_error_of_its_own() {
    for answer in [OVERLOADED, BROKEN] {
        let (first, _) = raw_gateway(answer).await;
        let mut test = gateway(free().await).await;
        let mut service = service(test.address);
        service.client = client([first, test.address]);
        service.intervals.retry = Duration::from_secs(3_600);
        let (_stop, _task) = start(service);
        let call = tokio::time::timeout(Duration::from_secs(10), test.calls.recv()).await;
        assert_eq!(call.unwrap().unwrap().0, "registration");
    }
}

#[tokio::test]
async fn it_registers_at_the_next_gateway_at_once_and_tries_all_for_ever() {
    let (first, second) = (free().await, free().await);
    let addresses = [first.local_addr().unwrap(), second.local_addr().unwrap()];
    drop(first);
    let mut test = gateway(second).await;
    let mut service = service(test.address);
    service.client = client(addresses);
    // The next one is not one that had to wait.
    service.intervals.retry = Duration::from_secs(3_600);
    let (_stop, _task) = start(service);
    assert_eq!(test.calls.recv().await.unwrap().0, "registration");

    // Both are away, and the first comes back.
    let mut service = service_with(addresses[0], PublishedOverview::new("shop", Vec::new(), []));
    let nobody = free().await.local_addr().unwrap();
    service.client = client([nobody, addresses[0]]);
    let (_stop, _task) = start(service);
    let listener = TcpListener::bind(addresses[0]).await.unwrap();
    let mut test = gateway(listener).await;
    assert_eq!(test.calls.recv().await.unwrap().0, "registration");
    assert_eq!(test.calls.recv().await.unwrap().0, "alive");
}

#[tokio::test]
async fn it_leaves_a_gateway_that_is_cut_off_from_the_registry_and_stays_where_all_are() {
    let (mut first, mut second) = (gateway(free().await).await, gateway(free().await).await);
    let mut service = service(first.address);
    service.client = client([first.address, second.address]);
    let (_stop, _task) = start(service);
    alive_at(&mut first).await;
    first.gateway.is_cut_off.store(true, Ordering::SeqCst);
    assert_eq!(second.calls.recv().await.unwrap().0, "registration");
    alive_at(&mut second).await;
    // Now the other one: it goes back.
    while first.calls.try_recv().is_ok() {}
    first.gateway.is_cut_off.store(false, Ordering::SeqCst);
    second.gateway.is_cut_off.store(true, Ordering::SeqCst);
    assert_eq!(first.calls.recv().await.unwrap().0, "registration");
    alive_at(&mut first).await;
    // Both: it stays at one of them, says that it is alive there, and looks again after a while.
    first.gateway.is_cut_off.store(true, Ordering::SeqCst);
    assert_eq!(
        second.calls.recv().await.unwrap().0,
        "alive",
        "what it said before it left"
    );
    while second.calls.recv().await.unwrap().0 != "registration" {}
    let (mut alive, mut registrations) = (0, 0);
    while alive < 6 {
        let (call, _) = tokio::select! {
            call = first.calls.recv() => call.unwrap(),
            call = second.calls.recv() => call.unwrap(),
        };
        match call {
            "alive" => alive += 1,
            _ => registrations += 1,
        }
    }
    assert!(
        registrations <= 2 * alive,
        "{registrations} registrations, {alive} times alive"
    );
    second.gateway.is_cut_off.store(false, Ordering::SeqCst);
    while second.calls.try_recv().is_ok() {}
    alive_at(&mut second).await;
}
