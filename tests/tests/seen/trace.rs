//! The id and the trace of a request, in the services that it reaches and in the logs.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpStream,
};

use hydra_tests::{PATIENCE, get, wait_for};

use super::{Seen, header, serve, site, start, web_server};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A `GET` with these header lines.
fn get_with(address: &str, path: &str, headers: &str) {
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).expect("connected");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: shop.example\r\n{headers}connection: close\r\n\r\n"
    )
    .expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}

/// The headers of the last request for a path.
fn last(seen: &Seen, path: &str) -> BTreeMap<String, String> {
    let seen = seen.lock().expect("not poisoned");
    let found = seen.iter().rev().find(|(other, _)| other == path);
    found
        .unwrap_or_else(|| panic!("no request for {path}: {seen:?}"))
        .1
        .clone()
}

/// The parts of `traceparent`: the trace, and the span of the sender.
fn parent(headers: &BTreeMap<String, String>) -> (String, String) {
    let parts: Vec<&str> = headers["traceparent"].split('-').collect();
    let [version, trace, span, flags] = parts[..] else {
        panic!("{headers:?}");
    };
    assert!(
        version == "00" && trace.len() == 32 && span.len() == 16 && flags.len() == 2,
        "{headers:?}"
    );
    (trace.to_owned(), span.to_owned())
}

#[test]
fn the_ids_of_a_trusted_proxy_go_on_to_services_and_fragments() {
    let (port, seen) = web_server();
    let folder = site(port, "trusted_proxies = '127.0.0.1'\n");
    let hydra = serve(&folder, &[]).listening();
    let headers = format!(
        "traceparent: 00-{TRACE}-00f067aa0ba902b7-00\r\ntracestate: a=1,b=2\r\nx-request-id: my-request.7\r\n"
    );
    get_with(&hydra.address, "/", &headers);
    get_with(&hydra.address, "/old/x", &headers);
    for path in ["/old/x", "/banner", "/price"] {
        let headers = last(&seen, path);
        let (trace, span) = parent(&headers);
        assert_eq!(trace, TRACE, "{path}");
        assert_ne!(
            span, "00f067aa0ba902b7",
            "the gateway has a part of its own in the trace"
        );
        assert!(
            headers["traceparent"].ends_with("-00"),
            "a trace that is not sampled stays so"
        );
        assert_eq!(
            (&*headers["tracestate"], &*headers["x-request-id"]),
            ("a=1,b=2", "my-request.7"),
            "{path}"
        );
    }
}

#[test]
fn what_a_stranger_writes_is_replaced() {
    let (port, seen) = web_server();
    let folder = site(port, "");
    let hydra = serve(&folder, &[]).listening();
    let theirs =
        format!("traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\ntracestate: a=1\r\nx-request-id: mine\r\n");
    for headers in [
        "",
        &theirs,
        "traceparent: x\r\ntracestate: =\r\nx-request-id: a b\r\n",
    ] {
        get_with(&hydra.address, "/old/x", headers);
        get_with(&hydra.address, "/", headers);
        for path in ["/old/x", "/banner", "/price"] {
            let headers = last(&seen, path);
            let (trace, _) = parent(&headers);
            assert_ne!(trace, TRACE, "{path}");
            assert_eq!(headers["x-request-id"], trace, "{path}");
            assert_eq!(headers.get("tracestate"), None, "{path}");
        }
        let [banner, price] = ["/banner", "/price"].map(|path| parent(&last(&seen, path)));
        // The banner may come from the cache of an earlier page.
        assert!(
            banner == price
                || seen
                    .lock()
                    .expect("not poisoned")
                    .iter()
                    .filter(|(path, _)| path == "/banner")
                    .count()
                    < 3
        );
    }
}

#[test]
fn one_id_is_in_the_logs_of_all_processes_that_work_for_a_request() {
    let logged = |start: hydra_tests::Start| start.env("HYDRA_ACCESS_LOG", "json");
    let gateway = logged(start("hydra", &["gateway"]).env("HYDRA_TRUSTED_PROXIES", "127.0.0.1")).listening();
    let service = |name: &str| logged(start(name, &[]).env("HYDRA_GATEWAY", &gateway.address)).listening();
    let (storefront, orders) = (service("storefront"), service("order-service"));
    wait_for("a page with its fragment", PATIENCE, || {
        let page = get(&gateway.address, "/checkout").ok()?;
        page.body.contains("class=\"checkout-form\"").then_some(())
    });
    get_with(&gateway.address, "/checkout", "x-request-id: follow-me\r\n");
    let has_line = |printed: &str, path: &str| {
        let mut lines = printed
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        lines.any(|line| {
            line["request_id"] == "follow-me"
                && line["path"].as_str().is_some_and(|one| one.starts_with(path))
        })
    };
    for (process, path) in [
        (&gateway, "/checkout"),
        (&gateway, "/h/discovery/"),
        (&storefront, "/checkout"),
        (&orders, "/h/fragment/"),
    ] {
        wait_for(&format!("the line for {path}"), PATIENCE, || {
            has_line(&process.printed(), path).then_some(())
        });
    }
    // Recommendations are away: the page's own log says so, with the id.
    wait_for("the line about the missing fragment", PATIENCE, || {
        let printed = storefront.printed();
        let mut lines = printed
            .lines()
            .filter(|line| line.contains("fragment not rendered"));
        lines.any(|line| line.contains("follow-me")).then_some(())
    });
}

#[test]
fn responses_have_no_ids_unless_they_are_for_developers() {
    let (port, _) = web_server();
    let folder = site(port, "");
    let hydra = serve(&folder, &[]).listening();
    let answer = get(&hydra.address, "/").expect("a page");
    for name in ["x-request-id", "traceparent", "server-timing", "hydra-served-by"] {
        assert_eq!(header(&answer, name), None, "{name}");
    }
}
