#![allow(clippy::disallowed_methods, reason = "tests have clocks")]

use std::time::{Duration, Instant};

use hydra_runtime_wire::{MenuItem, ServiceOverview};
use serde_json::{Value, json};
use tera::{Context, Tera};

use super::{Overview, published::PublishedOverview, services::KnownServices, services::OwnService};

fn item(path: &str, label: &str) -> MenuItem {
    MenuItem {
        endpoint: path.to_owned(),
        label: label.to_owned(),
    }
}

fn own() -> OwnService {
    OwnService {
        name: "shop".to_owned(),
        endpoints: vec!["/".to_owned(), "/product/{id}".to_owned()],
        menus: [("main".to_owned(), vec![item("/", "Teas")])].into(),
    }
}

fn services(said: Value) -> Vec<ServiceOverview> {
    serde_json::from_value(said).unwrap()
}

/// Two instances of `blog`, of which the older says less, and `about`, which has no active instance.
fn others() -> Vec<ServiceOverview> {
    services(json!([
        {"serviceName": "blog", "activeServices": [
            {"version": 1, "endpoints": ["/blog"], "menuItems": {"main": [{"endpoint": "/blog", "label": "Old"}]}},
            {"version": 2, "endpoints": ["/blog", "/blog/**", "no pattern"], "menuItems": {
                "main": [{"endpoint": "/blog", "label": "Blog"}, {"endpoint": "/archive", "label": "Archive"},
                         {"endpoint": "//evil.example", "label": "x"}, {"endpoint": "javascript:1", "label": "x"}],
                "foot": [{"endpoint": "/blog/feed", "label": "Feed"}]}}]},
        {"serviceName": "about", "activeServices": []},
    ]))
}

fn menu(overview: &Overview, name: &str) -> Vec<String> {
    let links = overview.menu(name).iter();
    links
        .map(|link| {
            let mark = if link.active { "" } else { " (away)" };
            format!("{} {}{mark}", link.href, link.label)
        })
        .collect()
}

#[test]
fn without_a_gateway_there_is_the_application_alone() {
    let overview = KnownServices::new(own()).overview();
    assert_eq!(overview.services().collect::<Vec<_>>(), [("shop", true)]);
    assert_eq!(menu(&overview, "main"), ["/ Teas"]);
    assert!(overview.menu("none").is_empty());
    assert!(overview.has_page("/") && overview.has_page("/product/7?x=/a#b"));
    assert!(!overview.has_page("/product/7/more") && !overview.has_page("") && !overview.has_page("/../"));
}

#[test]
fn menus_are_in_one_order_and_name_each_path_once() {
    let mut known = KnownServices::new(own());
    known.update(others(), Instant::now());
    let overview = known.overview();
    assert_eq!(
        menu(&overview, "main"),
        ["/ Teas", "/blog Blog", "/archive Archive"]
    );
    assert_eq!(menu(&overview, "foot"), ["/blog/feed Feed"]);
    assert_eq!(overview.menus().collect::<Vec<_>>(), ["foot", "main"]);
    assert!(overview.has_page("/blog/a/b") && !overview.has_page("/archive"));
    assert!(overview.is_active("blog") && !overview.is_active("about"));
}

#[test]
fn a_service_that_went_away_is_remembered_for_a_while_without_its_pages() {
    let (mut known, start) = (KnownServices::new(own()), Instant::now());
    known.update(others(), start);
    known.update(Vec::new(), start + Duration::from_secs(1));
    let overview = known.overview();
    assert_eq!(
        menu(&overview, "main"),
        ["/ Teas", "/blog Blog (away)", "/archive Archive (away)"]
    );
    assert!(!overview.has_page("/blog") && !overview.is_active("blog"));
    assert!(!known.expire(start + Duration::from_secs(600)));
    known.update(others(), start + Duration::from_secs(600));
    assert!(known.overview().is_active("blog"));
    known.update(Vec::new(), start + Duration::from_secs(700));
    assert!(known.expire(start + Duration::from_secs(1300)));
    assert_eq!(known.overview().services().count(), 1);
}

#[test]
fn of_two_services_with_one_path_the_active_one_has_the_link() {
    let (mut known, now) = (KnownServices::new(own()), Instant::now());
    let blog = |name: &str| json!({"serviceName": name, "activeServices": [{"menuItems": {"main": [{"endpoint": "/blog", "label": name}]}}]});
    known.update(services(json!([blog("a")])), now);
    known.update(services(json!([blog("b")])), now);
    assert_eq!(menu(&known.overview(), "main"), ["/ Teas", "/blog b"]);
}

#[test]
fn the_number_of_services_that_went_away_is_bounded() {
    let (mut known, start) = (KnownServices::new(own()), Instant::now());
    for turn in 0..3_u64 {
        let many = (0..800).map(|n| json!({"serviceName": format!("s{turn}-{n}"), "activeServices": [{}]}));
        known.update(
            services(many.collect::<Vec<_>>().into()),
            start + Duration::from_secs(turn),
        );
    }
    let overview = known.overview();
    assert_eq!(overview.services().filter(|(_, active)| !active).count(), 1000);
    // The oldest go first.
    assert!(overview.services().any(|(name, _)| name == "s1-0"));
    assert_eq!(overview.services().filter(|(_, active)| *active).count(), 801);
}

#[test]
fn templates_see_the_newest_overview_beside_attributes_of_the_same_names() {
    let published = PublishedOverview::of(own());
    let mut tera = Tera::default();
    published.register(&mut tera);
    let text = r#"{% for link in menu(name="main") %}{{ link.label }}{% if not link.active %}?{% endif %} {% endfor %}{{ menu }} {{ is_there(path="/blog") }}"#;
    tera.add_raw_template("a", text).unwrap();
    let mut context = Context::new();
    context.insert("menu", "mine");
    let render = || tera.render("a", &context).unwrap();
    assert_eq!(render(), "Teas mine false");
    published.update(others(), Instant::now());
    assert_eq!(render(), "Teas Blog Archive mine true");
    published.update(Vec::new(), Instant::now());
    assert_eq!(render(), "Teas Blog? Archive? mine false");
}
