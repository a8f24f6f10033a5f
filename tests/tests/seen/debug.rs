//! What developers see: by a setting, or by a signed link.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use hydra_tests::{Answer, PATIENCE, get, wait_for};

use super::{PRIVATE_KEY, header, serve, site, start, web_server};

/// A `GET` with these cookies.
pub(super) fn get_with(address: &str, path: &str, cookies: &str) -> Answer {
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).expect("connected");
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nhost: shop.example\r\ncookie: {cookies}\r\n\r\n"
    )
    .expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    Answer {
        status: head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

fn is_told(answer: &Answer) -> bool {
    header(answer, "server-timing").is_some() && header(answer, "hydra-served-by").is_some()
}

#[test]
fn with_the_setting_all_responses_tell_who_made_them() {
    let (port, _) = web_server();
    let folder = site(port, "");
    let hydra = serve(&folder, &["--debug-headers"]).listening();
    let page = get(&hydra.address, "/").expect("a page");
    let timing = header(&page, "server-timing").expect("a header");
    for fragment in ["legacy/banner: rendered", "legacy/price: rendered"] {
        assert!(
            timing.contains(&format!("fragment;desc=\"{fragment}\";dur=")),
            "{timing}"
        );
    }
    assert_eq!(
        header(&page, "hydra-served-by"),
        Some("service=\"site\"; route=\"index.html\"")
    );
    let old = get(&hydra.address, "/old/x").expect("a page");
    let served = header(&old, "hydra-served-by").expect("a header");
    assert!(
        served.starts_with("service=\"legacy\"; instance=\"") && served.contains("route=\"/old/**\""),
        "{served}"
    );
    assert!(is_told(&get(&hydra.address, "/none").expect("a page")));
}

#[test]
fn a_signed_link_shows_it_to_its_visitor_only() {
    let (port, _) = web_server();
    let folder = site(port, "");
    let hydra = serve(&folder, &[]).listening();
    let link = |key: &str| {
        let mut program = start("hydra", &["debug-link", &hydra.address, "--for", "5m"])
            .env("HYDRA_PRIVATE_KEY", key)
            .start();
        let line = program.line_with("hydra-debug=");
        assert!(program.ended().success());
        line.strip_prefix(&hydra.address)
            .expect("the address first")
            .to_owned()
    };
    let wrong = get(&hydra.address, &link("another private key")).expect("an answer");
    assert_eq!((wrong.status, header(&wrong, "set-cookie")), (200, None));
    let opened = get(&hydra.address, &link(PRIVATE_KEY)).expect("an answer");
    assert_eq!((opened.status, header(&opened, "location")), (303, Some("/")));
    let cookie = header(&opened, "set-cookie").expect("a cookie");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("Max-Age="),
        "{cookie}"
    );
    let pair = cookie.split(';').next().expect("a pair");
    let told = get_with(&hydra.address, "/", pair);
    assert!(is_told(&told), "{}", told.head);
    assert_eq!(header(&told, "cache-control"), Some("private, no-store"));
    assert!(
        !is_told(&get(&hydra.address, "/").expect("a page")),
        "others see nothing"
    );
    let forged = format!("{}0", &pair[..pair.len() - 1]);
    for cookies in [
        "HYDRA-DEBUG=1",
        "HYDRA-DEBUG=9999999999.00000000000000000000000000000000",
    ] {
        assert!(!is_told(&get_with(&hydra.address, "/", cookies)), "{cookies}");
    }
    assert!(forged == pair || !is_told(&get_with(&hydra.address, "/", &forged)));
    let left = get_with(&hydra.address, "/?a=1&hydra-debug=off", pair);
    assert_eq!((left.status, header(&left, "location")), (303, Some("/?a=1")));
    assert!(
        header(&left, "set-cookie")
            .is_some_and(|cookie| cookie.starts_with("HYDRA-DEBUG=; Path=/; Max-Age=0"))
    );
}

#[test]
fn an_application_behind_a_gateway_adds_the_times_of_its_fragments() {
    let gateway = start("hydra", &["gateway"]).listening();
    let service = |name: &str| {
        start(name, &[])
            .env("HYDRA_GATEWAY", &gateway.address)
            .listening()
    };
    let _services = [service("storefront"), service("order-service")];
    wait_for("a page with its fragment", PATIENCE, || {
        let page = get(&gateway.address, "/checkout").ok()?;
        page.body.contains("class=\"checkout-form\"").then_some(())
    });
    let mut program = start("hydra", &["debug-link", &gateway.address, "--for", "5m"]).start();
    let link = program.line_with("hydra-debug=");
    let link = link.strip_prefix(&gateway.address).expect("the address first");
    let opened = get(&gateway.address, link).expect("an answer");
    let cookie = header(&opened, "set-cookie").expect("a cookie");
    let page = get_with(
        &gateway.address,
        "/checkout",
        cookie.split(';').next().expect("a pair"),
    );
    let timings = page
        .head
        .lines()
        .filter_map(|line| line.strip_prefix("server-timing: "));
    let timings: Vec<&str> = timings.collect();
    assert!(
        timings
            .iter()
            .any(|timing| timing.contains("fragment;desc=\"orderService/checkout: rendered\";dur=")),
        "{}",
        page.head
    );
    assert!(
        timings.iter().any(|timing| timing.starts_with("head;dur=")),
        "{}",
        page.head
    );
    let served = header(&page, "hydra-served-by").expect("a header");
    assert!(
        served.starts_with("service=\"storefront\"; instance=\"") && served.contains("route=\"/checkout\""),
        "{served}"
    );
    assert!(
        !is_told(&get(&gateway.address, "/checkout").expect("a page")),
        "others see nothing"
    );
}

#[test]
fn a_link_needs_the_private_key_and_a_sensible_address() {
    for arguments in [
        &["debug-link", "http://127.0.0.1:1", "--private-key="][..],
        &["debug-link", "/a"],
        &["debug-link", "http://127.0.0.1:1", "--for", "9999h"],
        &["debug-link", "http://127.0.0.1:1", "--for", "soon"],
    ] {
        let mut program = start("hydra", arguments).start();
        assert_eq!(
            program.ended().code(),
            Some(2),
            "{arguments:?}: {}",
            program.printed()
        );
    }
}
