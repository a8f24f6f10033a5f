//! The listener for operators: where it is, and whom it answers.

use std::{io::Write as _, net::TcpListener};

use hydra_tests::{PATIENCE, get, wait_for};

use super::{operators, start};

#[test]
fn a_stated_address_that_is_taken_stops_the_start_and_the_default_does_not() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let mut stated = start("hydra", &["gateway", "--admin-listen", &address]).start();
    assert_eq!(stated.ended().code(), Some(2));
    wait_for("its message", PATIENCE, || {
        let printed = stated.printed();
        (printed.contains("`admin_listen`") && printed.contains(&address) && printed.contains("taken"))
            .then_some(())
    });
    // Two gateways can't both have the default port, which a third program may have.
    let free = || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("an address").to_string()
    };
    let mut gateways = [(); 2].map(|()| {
        start("hydra", &["gateway"])
            .env("HYDRA_LISTEN", &free())
            .listening()
    });
    wait_for("a warning", PATIENCE, || {
        let warns = gateways
            .iter()
            .any(|one| one.printed().contains("there is no listener for operators"));
        warns.then_some(())
    });
    for gateway in &mut gateways {
        assert_eq!(get(&gateway.address, "/health").expect("an answer").status, 200);
    }
}

#[test]
fn wrong_addresses_are_named_at_the_start() {
    for wrong in ["8082", "localhost:8082", "on", ""] {
        let mut program = start("hydra", &["gateway", &format!("--admin-listen={wrong}")]).start();
        assert_eq!(program.ended().code(), Some(2), "{wrong}");
    }
}

#[test]
fn requests_for_names_of_strangers_are_refused() {
    let mut gateway = start("hydra", &["gateway"]).listening();
    let admin = operators(&mut gateway);
    let status = |host: &str, path: &str| {
        let mut stream =
            std::net::TcpStream::connect(admin.trim_start_matches("http://")).expect("connected");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        )
        .expect("sent");
        let mut text = String::new();
        std::io::Read::read_to_string(&mut stream, &mut text).expect("an answer");
        text.split(' ')
            .nth(1)
            .and_then(|status| status.parse::<u16>().ok())
    };
    for path in [
        "/metrics",
        "/ready",
        "/api/services",
        "/api/routes",
        "/api/trace?url=/",
    ] {
        for (host, expected) in [
            ("localhost:1", 200),
            ("127.0.0.1", 200),
            ("evil.example", 421),
            ("a.localhost.evil", 421),
        ] {
            assert_eq!(status(host, path), Some(expected), "{host} {path}");
        }
    }
    assert_eq!(
        get(&gateway.address, "/metrics").expect("an answer").status,
        404,
        "visitors do not see them"
    );
}

#[test]
fn a_gateway_is_ready_once_it_has_read_its_redis() {
    let redis = hydra_tests::Redis::start();
    let mut gateway = start("hydra", &["gateway"])
        .env("HYDRA_REDIS", &redis.address)
        .listening();
    let admin = operators(&mut gateway);
    wait_for("readiness", PATIENCE, || {
        get(&admin, "/ready").ok().filter(|answer| answer.status == 200)
    });
    // Nothing listens there: the gateway serves, and is not ready.
    let mut alone = start("hydra", &["gateway"])
        .env("HYDRA_REDIS", "redis://127.0.0.1:1")
        .listening();
    let admin = operators(&mut alone);
    assert_eq!(get(&alone.address, "/health").expect("an answer").status, 200);
    let answer = get(&admin, "/ready").expect("an answer");
    assert!(
        answer.status == 503 && answer.body.contains("Redis"),
        "{}",
        answer.body
    );
}

#[test]
fn an_application_is_ready_once_it_is_registered() {
    let application = |gateway: &str| {
        start("storefront", &[])
            .env("HYDRA_GATEWAY", gateway)
            .env("HYDRA_ADMIN_LISTEN", "127.0.0.1:0")
            .listening()
    };
    let mut lonely = application("http://127.0.0.1:1");
    let admin = operators(&mut lonely);
    let answer = get(&admin, "/ready").expect("an answer");
    assert!(
        answer.status == 503 && answer.body.contains("no gateway"),
        "{}",
        answer.body
    );
    let gateway = start("hydra", &["gateway"]).listening();
    let mut registered = application(&gateway.address);
    let admin = operators(&mut registered);
    wait_for("readiness", PATIENCE, || {
        get(&admin, "/ready").ok().filter(|answer| answer.status == 200)
    });
}
