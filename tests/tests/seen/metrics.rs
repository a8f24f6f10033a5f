//! `/metrics` of running programs has all that `docs/reference/metrics.md` lists, and nothing else.

use std::{collections::BTreeSet, fs};

use hydra_tests::{PATIENCE, get, markdown::rows, post, wait_for, workspace};

use super::{operators, serve, site, start, web_server};

/// The metrics that the page lists.
fn listed() -> BTreeSet<String> {
    let page = fs::read_to_string(workspace().join("docs/reference/metrics.md")).expect("the page");
    let names = rows(&page)
        .into_iter()
        .map(|row| row.cells[0].trim_matches('`').to_owned());
    names.filter(|name| name.starts_with("hydra_")).collect()
}

/// The metrics that an operator gets, with the help and the type of each.
fn scraped(address: &str) -> BTreeSet<String> {
    let answer = get(address, "/metrics").expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(
        answer.head.contains("content-type: text/plain; version=0.0.4"),
        "{}",
        answer.head
    );
    let names = |what: &str| -> BTreeSet<String> {
        let lines = answer.body.lines().filter_map(|line| line.strip_prefix(what));
        lines
            .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
            .collect()
    };
    let typed = names("# TYPE ");
    assert_eq!(names("# HELP "), typed, "each metric has a description");
    typed
}

fn value(address: &str, line: &str) -> Option<f64> {
    let answer = get(address, "/metrics").ok()?;
    let found = answer
        .body
        .lines()
        .find_map(|one| one.strip_prefix(line)?.strip_prefix(' '));
    found?.parse().ok()
}

#[test]
fn running_programs_have_each_metric_of_the_page_and_no_other() {
    let (port, _) = web_server();
    let folder = site(port, "affinity = { legacy = \"visitor\" }\n");
    let mut site = serve(&folder, &[]).listening();
    let redis = hydra_tests::Redis::start();
    let mut gateway = start("hydra", &["gateway"])
        .env("HYDRA_REDIS", &redis.address)
        .listening();
    let mut shop = start("storefront", &[])
        .env("HYDRA_GATEWAY", &gateway.address)
        .env("HYDRA_ADMIN_LISTEN", "127.0.0.1:0")
        .listening();
    let all = [
        operators(&mut site),
        operators(&mut gateway),
        operators(&mut shop),
    ];
    for address in [&site.address, &shop.address] {
        assert_eq!(get(address, "/").expect("a page").status, 200);
    }
    assert_eq!(get(&site.address, "/old/x").expect("a page").status, 200);
    wait_for("a page through the gateway", PATIENCE, || {
        get(&gateway.address, "/")
            .ok()
            .filter(|answer| answer.status == 200)
    });
    // A form for the storefront, which has none.
    let form = "/?hydra-form=c3RvcmVmcm9udA.c2VhbA";
    assert!(post(&gateway.address, form, "{}").expect("an answer").status >= 400);
    let (scraped, listed): (BTreeSet<String>, _) = (
        all.iter().flat_map(|address| scraped(address)).collect(),
        listed(),
    );
    let (more, missing): (Vec<_>, Vec<_>) = (
        scraped.difference(&listed).collect(),
        listed.difference(&scraped).collect(),
    );
    assert!(
        more.is_empty() && missing.is_empty(),
        "not listed: {more:?}, missing: {missing:?}"
    );
}

#[test]
fn what_happens_is_counted_where_it_happens() {
    let (port, _) = web_server();
    let folder = site(port, "");
    let mut site = serve(&folder, &[]).listening();
    let admin = operators(&mut site);
    for _ in 0..3 {
        assert!(
            get(&site.address, "/")
                .expect("a page")
                .body
                .matches("<b>hi</b>")
                .count()
                == 2
        );
    }
    assert_eq!(get(&site.address, "/old/x").expect("a page").status, 200);
    assert_eq!(get(&site.address, "/none").expect("a page").status, 404);
    for (line, expected) in [
        ("hydra_pages_total{outcome=\"shown\"}", 3.0),
        ("hydra_requests_total{service=\"site\",status=\"2xx\"}", 3.0),
        ("hydra_requests_total{service=\"legacy\",status=\"2xx\"}", 1.0),
        ("hydra_requests_total{service=\"none\",status=\"4xx\"}", 1.0),
        ("hydra_page_first_byte_seconds_count{page=\"index.html\"}", 3.0),
        (
            "hydra_fragment_seconds_count{service=\"legacy\",ref=\"price\",outcome=\"rendered\"}",
            3.0,
        ),
        (
            "hydra_gateway_fragments_total{service=\"legacy\",ref=\"price\",outcome=\"rendered\"}",
            3.0,
        ),
        ("hydra_registry_services", 1.0),
        ("hydra_registry_instances", 1.0),
    ] {
        assert_eq!(value(&admin, line), Some(expected), "{line}");
    }
    assert_eq!(value(&admin, "hydra_redis_up"), None, "there is no Redis");
    assert!(value(&admin, "hydra_connections").is_some_and(|open| open >= 1.0));
}

#[test]
fn paths_and_hosts_of_visitors_make_no_labels() {
    let (port, _) = web_server();
    let folder = site(port, "");
    let mut site = serve(&folder, &[]).listening();
    let admin = operators(&mut site);
    let lines = || {
        let text = get(&admin, "/metrics").expect("an answer").body;
        text.lines().filter(|line| !line.starts_with('#')).count()
    };
    let visit = |number: u32| {
        for path in [
            format!("/none/{number}"),
            format!("/old/{number}"),
            format!("/?x={number}"),
        ] {
            let _ = get(&site.address, &path).expect("an answer");
        }
    };
    // Until the cache has been found full, and empty again, and waited for.
    for _ in 0..20 {
        visit(0);
    }
    let before = lines();
    (1..50).for_each(visit);
    assert_eq!(lines(), before);
}
