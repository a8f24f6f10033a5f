//! `/metrics` of running programs has all that `docs/reference/metrics.md` lists for them, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use hydra_tests::{PATIENCE, get, markdown::rows, post, wait_for, workspace};

use super::{kept, operators, serve, site, start, web_server};

/// A metric as the page describes it.
struct Listed {
    labels: BTreeSet<String>,
    /// The processes that have it: `gateway`, `serve` and `app`.
    at: BTreeSet<String>,
    /// Whether it has no value before its first event.
    appears_later: bool,
}

/// The metrics that the page lists, by name.
fn listed() -> BTreeMap<String, Listed> {
    let page = fs::read_to_string(workspace().join("docs/reference/metrics.md")).expect("the page");
    let quoted = |cell: &str| -> BTreeSet<String> {
        let parts = cell.split('`').skip(1).step_by(2);
        parts.map(str::to_owned).collect()
    };
    let mut found = BTreeMap::new();
    for row in rows(&page) {
        let name = row.cells[0].trim_matches('`');
        if !name.starts_with("hydra_") {
            continue;
        }
        let labels = quoted(&row.cells[2]);
        let at = match &*row.cells[3] {
            "all" => ["gateway", "serve", "app"].map(str::to_owned).into(),
            some => quoted(some),
        };
        assert!(!at.is_empty(), "{name} is nowhere");
        let known_later = ["service", "ref", "page", "cache"];
        let appears_later = known_later.iter().any(|label| labels.contains(*label))
            || row.cells[4].contains("It is absent without");
        let listed = Listed {
            labels,
            at,
            appears_later,
        };
        found.insert(name.to_owned(), listed);
    }
    found
}

/// The metrics that an operator gets, with the labels of each. Each has a help text and a type.
fn scraped(address: &str) -> BTreeMap<String, BTreeSet<String>> {
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
    let mut found: BTreeMap<_, BTreeSet<String>> =
        typed.into_iter().map(|name| (name, BTreeSet::new())).collect();
    let samples = answer
        .body
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    for sample in samples {
        let (name, labels) = sample.split_once(['{', ' ']).expect("a value");
        let parts = ["_bucket", "_sum", "_count"];
        let whole = parts.iter().find_map(|part| name.strip_suffix(part));
        let name = whole.filter(|whole| found.contains_key(*whole)).unwrap_or(name);
        let known = found
            .get_mut(name)
            .unwrap_or_else(|| panic!("{name} has no type"));
        known.extend(
            label_names(labels)
                .filter(|label| *label != "le")
                .map(str::to_owned),
        );
    }
    found
}

/// The names in `service="site",status="2xx"} 3`.
fn label_names(labels: &str) -> impl Iterator<Item = &str> {
    let parts = labels.split("=\"");
    let count = parts.clone().count() - 1;
    parts
        .take(count)
        .map(|part| part.rsplit([',', '"']).next().unwrap_or_default())
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
fn running_programs_have_each_metric_that_the_page_lists_for_them_and_no_other() {
    let (port, _) = web_server();
    let folder = site(port, "affinity = { legacy = \"visitor\" }\n");
    let mut site = serve(&folder, &[]).listening();
    let pages = folder.path().join("pages").display().to_string();
    let mut alone = start("hydra", &["serve", &pages, "--no-reload"]).listening();
    let redis = hydra_tests::Redis::start();
    let mut gateway = start("hydra", &["gateway"])
        .env("HYDRA_REDIS", &redis.address)
        .listening();
    let mut shop = start("storefront", &[])
        .env("HYDRA_GATEWAY", &gateway.address)
        .env("HYDRA_ADMIN_LISTEN", "127.0.0.1:0")
        .listening();
    for address in [&site.address, &alone.address, &shop.address] {
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
    let listed = listed();
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (process, kinds) in [
        (&mut site, &["gateway", "serve"][..]),
        (&mut alone, &["serve"]),
        (&mut gateway, &["gateway"]),
        (&mut shop, &["app"]),
    ] {
        let scraped = scraped(&operators(process));
        let is_here = |listed: &Listed| kinds.iter().any(|kind| listed.at.contains(*kind));
        let more: Vec<_> = scraped
            .keys()
            .filter(|name| !listed.get(*name).is_some_and(is_here))
            .collect();
        let missing: Vec<_> = listed
            .iter()
            .filter(|(name, listed)| is_here(listed) && !listed.appears_later && !scraped.contains_key(*name))
            .map(|(name, _)| name)
            .collect();
        assert!(
            more.is_empty() && missing.is_empty(),
            "{kinds:?}: not listed: {more:?}, missing: {missing:?}"
        );
        for (name, labels) in scraped {
            all.entry(name).or_default().extend(labels);
        }
    }
    let listed: BTreeMap<_, _> = listed
        .into_iter()
        .map(|(name, listed)| (name, listed.labels))
        .collect();
    assert_eq!(all, listed, "the labels");
}

/// Acts until the number in a line has moved.
fn moves(admin: &str, line: &str, is_moved: impl Fn(f64) -> bool, act: impl Fn()) {
    wait_for(line, PATIENCE, || {
        act();
        value(admin, line).filter(|value| is_moved(*value))
    });
}

#[test]
fn the_numbers_of_the_pools_caches_limits_and_connections_move() {
    let (port, _) = web_server();
    let more = "max_connections = 8\n[[route]]\npath = '/old/limited'\nrate = '1/h'\n";
    let folder = site(port, more);
    let mut site = serve(&folder, &[]).listening();
    let admin = operators(&mut site);
    let visit = |path: &'static str| {
        let address = site.address.clone();
        move || drop(get(&address, path))
    };
    let limited = "hydra_requests_refused_total{reason=\"rate\"}";
    let room = "hydra_connections_closed_total{reason=\"room\"}";
    let (opened, reused) = ("hydra_upstream_connections_total", "hydra_upstream_reused_total");
    for line in [limited, room, opened, reused, "hydra_upstream_idle"] {
        assert_eq!(value(&admin, line), Some(0.0), "{line}");
    }
    let fragments =
        "hydra_gateway_fragment_seconds_count{service=\"legacy\",ref=\"price\",outcome=\"rendered\"}";
    assert_eq!(value(&admin, fragments), None, "nothing was requested");

    assert_eq!(get(&site.address, "/old/limited").expect("an answer").status, 200);
    moves(&admin, opened, |value| value >= 1.0, || {});
    moves(&admin, "hydra_upstream_idle", |value| value >= 1.0, || {});
    assert_eq!(get(&site.address, "/old/limited").expect("an answer").status, 429);
    assert_eq!(value(&admin, limited), Some(1.0));
    moves(&admin, reused, |value| value >= 1.0, visit("/old/x"));
    moves(&admin, fragments, |value| value >= 1.0, visit("/"));
    for result in ["miss", "hit"] {
        let line = format!("hydra_cache_lookups_total{{cache=\"pages\",result=\"{result}\"}}");
        moves(&admin, &line, |value| value >= 1.0, visit("/"));
        let line = "hydra_cache_bytes{cache=\"pages\"}";
        moves(&admin, line, |value| value > 0.0, visit("/"));
    }
    assert_eq!(value(&admin, room), Some(0.0));
    let _kept: Vec<_> = (0..9).map(|_| kept(&site.address, "/health")).collect();
    moves(&admin, room, |value| value >= 1.0, || {});
}

#[test]
fn the_numbers_of_the_registry_move_with_its_services() {
    let mut gateway = start("hydra", &["gateway"]).listening();
    let admin = operators(&mut gateway);
    let counted = |line: &str| value(&admin, line).unwrap_or_default();
    let paths = "hydra_registry_paths";
    assert_eq!(value(&admin, paths), Some(0.0));
    let published = "hydra_registry_publish_seconds_count";
    let before = counted(published);
    let mut shop = start("storefront", &[])
        .env("HYDRA_GATEWAY", &gateway.address)
        .listening();
    moves(&admin, paths, |value| value > 0.0, || {});
    let between = counted(published);
    assert!(between > before, "{between} > {before}");
    assert!(shop.terminate().success());
    moves(&admin, paths, |value| value < 1.0, || {});
    assert!(counted(published) > between);
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
        (
            "hydra_gateway_fragment_seconds_count{service=\"legacy\",ref=\"price\",outcome=\"rendered\"}",
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
