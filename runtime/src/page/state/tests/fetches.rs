//! What is asked for, and how often.

use super::*;

#[test]
fn a_slot_whose_marker_is_lost_is_asked_for_only_if_it_exports() {
    let mut page = Page::new(
        &[
            (
                "page.html",
                "{% set a = 0 | __hydra %}{% set b = 1 | __hydra %}a{{ 2 | __hydra }}",
            ),
            ("#1/page.html", "{{ x }}"),
        ],
        vec![
            slot("s/quiet"),
            slot("s/giver").exports("x"),
            hole("#1/page.html", "x", ""),
        ],
        &Context::new(),
    );
    assert_eq!(page.fetches(), ["s/giver{} -> x"]);
    page.give(0, "unseen", json!({"x": "seen"}));
    assert_eq!(page.ready(), "aseen");
}

#[test]
fn the_same_fragment_with_the_same_imports_is_asked_for_once() {
    let mut page = Page::new(
        &[
            (
                "page.html",
                "{% for i in [1, 2, 1] %}{{ 0 | __hydra }}{% endfor %}{% set i = 2 %}{{ 1 | __hydra }}{{ 2 | __hydra }}{{ 3 | __hydra }}",
            ),
            ("#1/page.html", "{{ x }}"),
        ],
        vec![
            slot("s/f").imports("i as n"),
            slot("s/f").imports("i as n").exports("e as x"),
            slot("other/f").imports("i as n"),
            hole("#1/page.html", "x", ""),
        ],
        &Context::new(),
    );
    assert_eq!(
        page.fetches(),
        [r#"s/f{"n":1} -> "#, r#"s/f{"n":2} -> e"#, r#"other/f{"n":2} -> "#]
    );
    page.give(2, "c", json!({}));
    page.give(1, "b", json!({"e": "!"}));
    page.give(0, "a", json!({}));
    assert_eq!(page.ready(), "ababc!");
}

#[test]
fn the_same_fragment_in_its_own_fallback_shares_the_answer() {
    let mut page = Page::new(
        &[
            ("page.html", "a{{ 0 | __hydra }}b{{ 2 | __hydra }}"),
            ("#1/page.html", "[{{ 1 | __hydra }}]"),
            ("#2/page.html", "end"),
        ],
        vec![
            slot("s/f").fallback("#1/page.html", ""),
            slot("s/f").fallback("#2/page.html", ""),
            slot("s/f").fallback("#1/page.html", ""),
        ],
        &Context::new(),
    );
    assert_eq!(page.fetches().len(), 1);
    page.fail(0);
    assert_eq!(page.fetches().len(), 0);
    assert_eq!(page.ready(), "a[end]b[end]");
    assert!(page.state.is_complete());
}

#[test]
fn loop_members_and_paths_reach_the_lifted_text_and_the_fragment() {
    let mut page = Page::new(
        &[
            (
                "page.html",
                "{% for p in list %}{{ 0 | __hydra(l=[loop.index, loop.index0, loop.first, loop.last, loop.length]) }}{% endfor %}",
            ),
            (
                "#1/page.html",
                "{{ loop.index }}/{{ loop.length }}{% if loop.last %}.{% endif %}{{ p.id }} ",
            ),
        ],
        vec![
            slot("s/f")
                .imports("p.id as id, p.gone as gone")
                .fallback("#1/page.html", "p"),
        ],
        &context! { list => &json!([{"id": 7}, {"id": 8}]) },
    );
    assert_eq!(page.fetches(), [r#"s/f{"id":7} -> "#, r#"s/f{"id":8} -> "#]);
    page.fail(0);
    page.fail(1);
    assert_eq!(page.ready(), "1/27 2/2.8 ");
}

#[test]
fn service_and_ref_may_be_computed() {
    let mut page = Page::new(
        &[(
            "page.html",
            "{% for s in ['a', 'self', ''] %}{{ 0 | __hydra(service=s, ref='r' ~ s) }}{% endfor %}{{ 0 | __hydra(service='a', ref=none) }}",
        )],
        vec![slot("?/?")],
        &Context::new(),
    );
    assert_eq!(page.fetches(), ["a/ra{} -> ", "self/rself{} -> ", "self/r{} -> "]);
    let refused = |note: &PageEvent| {
        matches!(
            note,
            PageEvent::Slot {
                outcome: Outcome::Refused,
                ..
            }
        )
    };
    assert!(
        page.state.take_events().iter().any(refused),
        "an empty ref is refused"
    );
}

#[test]
fn a_chain_of_imports_and_exports_is_asked_in_as_many_waves_as_it_has_links() {
    let mut page = Page::new(
        &[
            ("page.html", "{{ 4 | __hydra }}{{ 3 | __hydra }}{{ 0 | __hydra }}"),
            ("#1/page.html", "{{ 1 | __hydra }}"),
            ("#2/page.html", "{{ 2 | __hydra }}"),
        ],
        vec![
            slot("s/a").exports("x"),
            slot("s/b").imports("x").exports("y"),
            slot("s/c").imports("y"),
            hole("#1/page.html", "x", "").gives("y"),
            hole("#2/page.html", "y", ""),
        ],
        &Context::new(),
    );
    assert_eq!(page.fetches(), ["s/a{} -> x"]);
    page.give(0, "A", json!({"x": 1}));
    assert_eq!(page.fetches(), [r#"s/b{"x":1} -> y"#]);
    page.give(1, "B", json!({"y": 2}));
    assert_eq!(page.fetches(), [r#"s/c{"y":2} -> "#]);
    page.give(2, "C", json!({}));
    assert_eq!(page.ready(), "CBA");
}
