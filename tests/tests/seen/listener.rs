//! The listener for operators: where it is, and whom it answers.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use hydra_tests::{PATIENCE, Running, get, wait_for};

use super::{ask, kept, operators, settings, start};

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
        let mut stream = TcpStream::connect(admin.trim_start_matches("http://")).expect("connected");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        )
        .expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
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

/// A web server that sends the end of its only answer once it is told.
fn slow_server(go_on: Receiver<()>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let mut reader = BufReader::new(stream);
        let mut lines = String::new();
        while reader.read_line(&mut lines).is_ok_and(|count| count > 2) {}
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 9\r\n\r\n<b>";
        reader.get_mut().write_all(head.as_bytes()).expect("sent");
        go_on.recv().expect("told");
        reader.get_mut().write_all(b"hi</b>").expect("sent");
    });
    port
}

/// Waits until operators hear that the process stops.
fn not_ready(admin: &str) {
    let answer = wait_for("not ready", PATIENCE, || {
        get(admin, "/ready").ok().filter(|answer| answer.status == 503)
    });
    assert!(answer.body.contains("stopping"), "{}", answer.body);
}

/// The rest of the last answer over a connection.
fn rest(mut reader: BufReader<TcpStream>) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("a whole answer");
    text
}

#[test]
fn a_gateway_that_stops_is_not_ready_while_its_last_request_ends() {
    let (tell, go_on): (Sender<()>, _) = channel();
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("hydra.toml");
    std::fs::write(&config, settings(slow_server(go_on))).expect("written");
    let mut gateway = start("hydra", &["gateway", "--config", &config.display().to_string()]).listening();
    let admin = operators(&mut gateway);
    let open = kept(&gateway.address, "/old/x");
    assert_eq!(get(&admin, "/ready").expect("an answer").status, 200);
    gateway.ask_to_end();
    not_ready(&admin);
    tell.send(()).expect("the server waits");
    assert!(rest(open).ends_with("\r\n\r\n<b>hi</b>"));
    ended(&mut gateway);
}

#[test]
fn an_application_that_stops_is_not_ready_while_its_last_requests_end() {
    let gateway = start("hydra", &["gateway"]).listening();
    let start = |name: &str| start(name, &[]).env("HYDRA_GATEWAY", &gateway.address);
    let orders = start("order-service").listening();
    // The page waits for its fragment, and a connection without a request may begin one, for longer than the test takes.
    let mut shop = start("storefront")
        .env("HYDRA_ADMIN_LISTEN", "127.0.0.1:0")
        .env("HYDRA_STOP_GRACE", "60s")
        .env("HYDRA_FRAGMENT_TIMEOUT", "60s")
        .env("HYDRA_PAGE_DEADLINE", "60s")
        .listening();
    let admin = operators(&mut shop);
    wait_for("a page with its fragment", PATIENCE, || {
        let page = get(&shop.address, "/checkout").ok()?;
        page.body.contains("class=\"checkout-form\"").then_some(())
    });
    assert_eq!(get(&admin, "/ready").expect("an answer").status, 200);
    let host = shop.address.trim_start_matches("http://").to_owned();
    let mut idle = kept(&shop.address, "/storefront/shop.css");
    until_end_of_answer(&mut idle);
    orders.pause();
    let mut page = kept(&shop.address, "/checkout");
    shop.ask_to_end();
    not_ready(&admin);
    orders.resume();
    // Its head came before the stop, so that the connection may take one more request.
    let text = until_last_chunk(&mut page);
    assert!(
        text.contains("checkout-form") && text.contains("</html>"),
        "{text}"
    );
    drop(page);
    ask(&mut idle, &host, "/storefront/shop.css");
    let answer = rest(idle).to_ascii_lowercase();
    assert!(answer.contains("connection: close"), "{answer}");
    ended(&mut shop);
}

/// Reads an answer in chunks, after its first line (RFC 9112 section 7.1).
fn until_last_chunk(reader: &mut BufReader<TcpStream>) -> String {
    let mut text = String::new();
    while !text.ends_with("\r\n0\r\n\r\n") {
        let count = reader.read_line(&mut text).expect("a line");
        assert!(count > 0, "it broke off: {text}");
    }
    text
}

/// Reads an answer whose length its head states, after its first line.
fn until_end_of_answer(reader: &mut BufReader<TcpStream>) {
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the body");
}

fn ended(process: &mut Running) {
    let status = process.ended();
    assert!(status.success(), "{status}: {}", process.printed());
}
