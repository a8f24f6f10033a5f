//! What fragments give, and what waits for it.

use super::*;

#[test]
fn an_error_in_a_hole_that_comes_from_none_shows_nothing_and_the_page_goes_on() {
    for body in [
        "{{ x.y }}",
        "{{ x | upper }}",
        "{% for t in x %}{{ t }}{% endfor %}",
        "{% if x > 3 %}a{% endif %}",
        "{{ x?.y }}",
    ] {
        let mut page = Page::new(
            &[
                ("page.html", "a{{ 0 | __hydra }}b{{ 1 | __hydra }}c"),
                ("#1/page.html", body),
            ],
            vec![slot("s/f").exports("x"), hole("#1/page.html", "x", "")],
            &Context::new(),
        );
        page.fetches();
        page.fail(0);
        assert_eq!(page.ready(), "abc", "{body}");
        assert_eq!(page.broken(), 1, "{body}");
    }
}

#[test]
fn a_giver_under_a_condition_on_its_own_export_ends_with_none() {
    let mut page = Page::new(
        &[
            ("page.html", "a{{ 0 | __hydra }}b"),
            (
                "#1/page.html",
                "{% if x %}{{ 1 | __hydra }}{% else %}none{% endif %}",
            ),
        ],
        vec![hole("#1/page.html", "x", "").gives("x"), slot("s/f").exports("x")],
        &Context::new(),
    );
    assert!(page.fetches().is_empty());
    assert_eq!(page.ready(), "anoneb");
}

#[test]
fn two_holes_that_wait_for_each_other_end_with_none() {
    let mut page = Page::new(
        &[
            ("page.html", "{{ 0 | __hydra }}{{ 1 | __hydra }}"),
            ("#1/page.html", "{{ 2 | __hydra }}"),
            ("#2/page.html", "{{ 3 | __hydra }}"),
        ],
        vec![
            hole("#1/page.html", "y", "").gives("x"),
            hole("#2/page.html", "x", "").gives("y"),
            slot("s/a").imports("y").exports("x"),
            slot("s/b").imports("x").exports("y"),
        ],
        &Context::new(),
    );
    assert_eq!(page.fetches(), [r#"s/a{"y":null} -> x"#, r#"s/b{"x":null} -> y"#]);
    page.give(0, "A", json!({"x": 1}));
    page.give(1, "B", json!({"y": 1}));
    assert_eq!(page.ready(), "AB");
}

#[test]
fn a_giver_in_a_branch_that_is_not_taken_gives_none() {
    let mut page = Page::new(
        &[
            (
                "page.html",
                "{% if no %}{{ 0 | __hydra }}{% endif %}{{ 1 | __hydra }}!",
            ),
            ("#1/page.html", "{% if x %}x{% else %}none{% endif %}"),
        ],
        vec![slot("s/f").exports("x"), hole("#1/page.html", "x", "")],
        &context! { no => &false },
    );
    assert!(page.fetches().is_empty());
    assert_eq!(page.ready(), "none!");
}

#[test]
fn a_fallback_that_exports_the_same_settles_after_both() {
    let mut page = Page::new(
        &[
            ("page.html", "{{ 2 | __hydra }}|{{ 0 | __hydra }}"),
            ("#1/page.html", "F{{ 1 | __hydra }}"),
            ("#2/page.html", "[{{ x }}]"),
        ],
        vec![
            slot("s/outer").exports("x").fallback("#1/page.html", ""),
            slot("s/inner").exports("x"),
            hole("#2/page.html", "x", ""),
        ],
        &Context::new(),
    );
    assert_eq!(page.fetches(), ["s/outer{} -> x"]);
    page.fail(0);
    assert_eq!(
        page.fetches(),
        ["s/inner{} -> x"],
        "the inner fragment is asked for only when the outer one failed"
    );
    assert_eq!(page.ready(), "");
    page.give(1, "I", json!({"x": 5}));
    assert_eq!(page.ready(), "[5]|FI");
}

#[test]
fn an_export_that_the_tag_did_not_name_is_dropped() {
    let mut page = Page::new(
        &[
            ("page.html", "{{ 0 | __hydra }}{{ 1 | __hydra }}"),
            ("#1/page.html", "{{ y }}{{ x }}"),
        ],
        vec![
            slot("s/f").exports("a as x"),
            hole("#1/page.html", "x", "").gives(""),
        ],
        &Context::new(),
    );
    page.fetches();
    page.give(0, "F", json!({"a": 1, "x": 2, "y": 3}));
    let events = page.state.take_events();
    assert!(
        events
            .iter()
            .any(|note| matches!(note, PageEvent::Dropped { count: 2, .. })),
        "{events:?}"
    );
    // `y` is not an attribute of this page, so the hole that uses it fails.
    assert_eq!(page.ready(), "F");
}

#[test]
fn where_no_fragment_gives_it_the_attribute_of_the_page_is_used() {
    let sites = vec![
        slot("s/f").exports("address"),
        hole("#1/part.html", "address", ""),
    ];
    let templates = [
        ("page.html", "{% include \"part.html\" %}"),
        ("part.html", "A({{ 1 | __hydra }})"),
        ("#1/part.html", "{{ address }}"),
    ];
    let mut plan = plan(&templates, sites);
    for page in &mut plan.pages {
        page.exports.clear();
    }
    let engine = Engine::new(plan, Options::new("storefront"), |_| ()).unwrap();
    let state = engine.begin("page.html", &context! { address => "own" }).unwrap();
    assert_eq!(
        Page {
            state,
            asked: Vec::new()
        }
        .ready(),
        "A(own)"
    );
}

#[test]
fn an_export_goes_over_what_was_captured() {
    let mut page = Page::new(
        &[
            ("page.html", "{{ 0 | __hydra }}{{ 1 | __hydra }}"),
            ("#1/page.html", "{{ x }}{{ y }}"),
        ],
        vec![slot("s/f").exports("x"), hole("#1/page.html", "x", "y")],
        &context! { x => "captured", y => "taken along" },
    );
    page.fetches();
    page.give(0, "", json!({"x": "given, "}));
    assert_eq!(page.ready(), "given, taken along");
}

#[test]
fn a_hole_in_a_hole_finds_what_the_outer_one_waited_for() {
    let mut page = Page::new(
        &[
            ("page.html", "{{ 0 | __hydra }}{{ 1 | __hydra }}"),
            (
                "#1/page.html",
                "{% if address %}{{ 2 | __hydra }}{{ 3 | __hydra }}{% endif %}",
            ),
            ("#2/page.html", "{{ zip }} {{ address }}"),
        ],
        vec![
            slot("s/a").exports("address"),
            hole("#1/page.html", "address", "").gives("zip"),
            slot("s/z").exports("zip"),
            hole("#2/page.html", "zip", "address"),
        ],
        &Context::new(),
    );
    page.fetches();
    page.give(0, "", json!({"address": "Main"}));
    assert_eq!(page.fetches(), ["s/z{} -> zip"]);
    page.give(1, "Z", json!({"zip": 1000}));
    assert_eq!(page.ready(), "Z1000 Main");
}
