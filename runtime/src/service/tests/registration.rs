//! Registering, and staying registered.

use std::net::UdpSocket;

use super::*;

#[tokio::test]
async fn it_registers_says_that_it_is_alive_and_registers_again_when_forgotten() {
    let mut test = gateway(free().await).await;
    let (stop, task) = start(service(test.address));
    let (call, body) = test.calls.recv().await.unwrap();
    assert_eq!(call, "registration");
    assert_eq!(body["name"], "shop");
    assert_eq!(body["webProtocol"], "http");
    assert_eq!(
        (&body["host"], &body["port"]),
        (&json!("127.0.0.1"), &json!(9000))
    );
    assert_eq!(body["protocol"], 2);
    assert_eq!(body["endpoints"], json!(["/", "/detail/{id}", "/files/**"]));
    for _ in 0..2 {
        let (call, alive) = test.calls.recv().await.unwrap();
        assert_eq!(call, "alive");
        assert_eq!(alive, json!({"name": "shop", "instance": body["instance"]}));
    }
    test.gateway.forget.store(true, Ordering::SeqCst);
    assert_eq!(test.calls.recv().await.unwrap().0, "alive");
    assert_eq!(test.calls.recv().await.unwrap().0, "registration");
    stop.send(true).unwrap();
    task.await.unwrap();
}

#[tokio::test]
async fn it_tries_until_the_gateway_is_there() {
    let listener = free().await;
    let (_stop, _task) = start(service(listener.local_addr().unwrap()));
    for _ in 0..3 {
        // It hangs up without an answer: this gateway is not well.
        drop(listener.accept().await.unwrap());
    }
    let mut test = gateway(listener).await;
    assert_eq!(test.calls.recv().await.unwrap().0, "registration");
}

#[tokio::test]
async fn it_tries_every_second_and_says_every_three_that_it_is_alive() {
    let listener = free().await;
    let mut service = service(listener.local_addr().unwrap());
    service.intervals = INTERVALS;
    let (_stop, _task) = start(service);
    let mut tries = Vec::new();
    for _ in 0..2 {
        drop(listener.accept().await.unwrap());
        tries.push(Instant::now());
    }
    let between = tries[1] - tries[0];
    // A second, up to a fifth shorter or longer, so that not all services come at once.
    assert!(
        (Duration::from_millis(700)..Duration::from_millis(2_200)).contains(&between),
        "{between:?}"
    );
    let mut test = gateway(listener).await;
    assert_eq!(test.calls.recv().await.unwrap().0, "registration");
    let registered = Instant::now();
    for times in 1..=2 {
        assert_eq!(test.calls.recv().await.unwrap().0, "alive");
        let since = registered.elapsed();
        let due = Duration::from_secs(3) * times;
        assert!(since + Duration::from_millis(100) > due, "{since:?}");
        // A gateway waits for 5 s.
        assert!(since < due + Duration::from_millis(1_900), "{since:?}");
    }
}

#[tokio::test]
async fn the_host_is_the_address_that_it_listens_on_or_the_one_towards_the_gateway() {
    for (ip, gateway, expected) in [
        ("10.1.2.3", "http://127.0.0.1:8081", "10.1.2.3"),
        ("0.0.0.0", "http://127.0.0.1:8081", "127.0.0.1"),
        ("::", "http://127.0.0.1:8081", "127.0.0.1"),
        ("::", "http://[::1]:8081", "::1"),
        ("0.0.0.0", "http://nobody.invalid", "127.0.0.1"),
    ] {
        if gateway.contains('[') && UdpSocket::bind("[::1]:0").is_err() {
            // A machine without IPv6.
            continue;
        }
        let uri = gateway.parse().unwrap();
        assert_eq!(
            reachable_host(ip.parse().unwrap(), &uri).await,
            expected,
            "{ip} {gateway}"
        );
    }
}
