//! `hydra services`, `hydra routes` and `hydra trace` against a running gateway.

use hydra_tests::{PATIENCE, Running, get, wait_for};
use serde_json::Value;

use super::{operators, serve, site, start, web_server};

/// What a command prints on success.
fn told(arguments: &[&str]) -> String {
    let mut program = start("hydra", arguments).start();
    let status = program.ended();
    let end = "THE END";
    let printed = wait_for(end, PATIENCE, || Some(program.printed()));
    assert!(status.success(), "{arguments:?}: {printed}");
    wait_for("its output", PATIENCE, || {
        Some(program.printed()).filter(|printed| !printed.is_empty())
    })
}

fn json(arguments: &[&str]) -> Value {
    wait_for("JSON", PATIENCE, || serde_json::from_str(&told(arguments)).ok())
}

/// A gateway with two services.
fn gateway() -> (String, [Running; 3]) {
    let mut gateway = start("hydra", &["gateway"]).listening();
    let admin = operators(&mut gateway);
    let service = |name: &str| {
        start(name, &[])
            .env("HYDRA_GATEWAY", &gateway.address)
            .listening()
    };
    let services = [service("storefront"), service("order-service")];
    wait_for("a page with its fragment", PATIENCE, || {
        let page = get(&gateway.address, "/checkout").ok()?;
        page.body.contains("class=\"checkout-form\"").then_some(())
    });
    let [storefront, orders] = services;
    (admin, [gateway, storefront, orders])
}

#[test]
fn a_running_gateway_tells_its_services_and_routes() {
    let (admin, _running) = gateway();
    let table = told(&["services", "--admin", &admin]);
    let mut lines = table.lines();
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("SERVICE ") && line.ends_with("STATE")),
        "{table}"
    );
    for name in ["orderService", "storefront"] {
        assert!(
            lines
                .next()
                .is_some_and(|line| line.starts_with(name) && line.ends_with("active")),
            "{table}"
        );
    }
    let services = json(&["services", "--json", "--admin", &admin]);
    let names: Vec<&str> = services
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(names, ["orderService", "storefront"]);
    let routes = told(&["routes", "--admin", &admin]);
    let has = |path: &str, kind: &str, service: &str| {
        routes
            .lines()
            .any(|line| line.split_whitespace().collect::<Vec<_>>() == [path, kind, service, "1"])
    };
    assert!(has("/checkout", "endpoint", "storefront"), "{routes}");
    assert!(has("/storefront/shop.css", "static", "storefront"), "{routes}");
    let routes = json(&["routes", "--json", "--admin", &admin]);
    assert!(
        routes
            .as_array()
            .is_some_and(|routes| routes.iter().any(|route| route["path"] == "/checkout"))
    );
}

#[test]
fn a_trace_tells_what_would_happen() {
    let (admin, _running) = gateway();
    let text = told(&["trace", "http://shop.example/checkout?x=1", "--admin", &admin]);
    for part in [
        "/checkout (endpoint)",
        "service   storefront",
        "which has one instance",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let traced = json(&["trace", "/checkout", "--json", "--admin", &admin]);
    let fragments = traced["fragments"].as_array().expect("fragments");
    let of = |service: &str| {
        let found = fragments.iter().find(|fragment| fragment["service"] == service);
        found
            .and_then(|fragment| fragment["result"].as_str())
            .unwrap_or_else(|| panic!("{traced}"))
    };
    assert!(of("orderService").starts_with("rendered"), "{traced}");
    assert!(of("recommendations").starts_with("inactive"), "{traced}");
    for (url, failure) in [
        ("/nothing", "no service has this path"),
        ("/health", "the gateway answers this path itself"),
        ("/%2e%2e/x", "the path is malformed"),
    ] {
        let traced = json(&["trace", url, "--json", "--admin", &admin]);
        assert_eq!(traced["failure"], failure, "{traced}");
    }
}

#[test]
fn a_trace_names_the_page_or_the_file_of_a_folder_that_the_process_serves() {
    let (port, _) = web_server();
    let folder = site(port, "");
    std::fs::write(folder.path().join("pages/shop.css"), "b {}").expect("written");
    let mut site = serve(&folder, &[]).listening();
    let admin = operators(&mut site);
    for (url, file, kind) in [
        ("/", "index.html", "page"),
        ("/shop.css?v=2", "shop.css", "file"),
        ("/old/x", "/old/**", "endpoint"),
    ] {
        let traced = json(&["trace", url, "--json", "--admin", &admin]);
        let route = &traced["route"];
        assert_eq!(
            (&route["pattern"], &route["kind"]),
            (&file.into(), &kind.into()),
            "{traced}"
        );
        assert_eq!(traced["failure"], Value::Null, "{traced}");
        assert_eq!(traced["instance"].is_null(), kind != "endpoint", "{traced}");
    }
    let text = told(&["trace", "/", "--admin", &admin]);
    for part in [
        "index.html (page)",
        "service   site",
        "rule      the process of this gateway",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    for (url, failure) in [
        ("/hydra.toml", "no service has this path"),
        ("/index.html", "no service has this path"),
        ("/_h/services", "the gateway answers this path itself"),
    ] {
        let traced = json(&["trace", url, "--json", "--admin", &admin]);
        assert_eq!(traced["failure"], failure, "{traced}");
    }
}

#[test]
fn a_wrong_address_or_url_is_a_clear_message() {
    let mut gateway = start("hydra", &["gateway"]).listening();
    let admin = operators(&mut gateway);
    for (arguments, message) in [
        (
            &["services", "--admin", "127.0.0.1:1"][..],
            "write http://127.0.0.1:8082",
        ),
        (
            &["services", "--admin", "http://127.0.0.1:1"],
            "Is a gateway running there?",
        ),
        (
            &["services", "--admin", &gateway.address],
            "is it where a gateway answers operators",
        ),
        (
            &["trace", "nothing", "--admin", &admin],
            "neither a URL nor a path",
        ),
        (&["trace", "", "--admin", &admin], "neither a URL nor a path"),
    ] {
        let mut program = start("hydra", arguments).start();
        assert_eq!(program.ended().code(), Some(2), "{arguments:?}");
        wait_for(message, PATIENCE, || {
            program.printed().contains(message).then_some(())
        });
    }
}
