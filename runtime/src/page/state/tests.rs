use serde_json::json;
use tera::context;

use super::*;
use crate::page::{
    Engine, Options,
    plans::{SiteExt, hole, plan, slot},
};

/// A page under test: what it asked, and what may leave.
struct Page {
    state: PageState,
    asked: Vec<String>,
}

impl Page {
    fn new(templates: &[(&str, &str)], sites: Vec<hydra_contract::Site>, context: &Context) -> Self {
        let engine = Engine::new(plan(templates, sites), Options::new("storefront"), |_| ()).unwrap();
        let state = engine.begin("page.html", context).unwrap();
        Self {
            state,
            asked: Vec::new(),
        }
    }

    /// The new asks: `service/ref{imports} -> exports`.
    fn asks(&mut self) -> Vec<String> {
        let new: Vec<String> = self
            .state
            .take_asks()
            .map(|ask| {
                let question = self.state.question(ask).unwrap();
                let owner = question.request.owner.as_deref().unwrap_or("self");
                let imports = serde_json::Value::Object(question.imports().unwrap());
                let exports = question.exports.join(",");
                format!("{owner}/{}{imports} -> {exports}", question.request.reference)
            })
            .collect();
        self.asked.extend(new.clone());
        new
    }

    fn give(&mut self, ask: AskId, html: &str, exports: serde_json::Value) {
        let exports = exports.as_object().cloned().unwrap_or_default();
        let html = Some(Bytes::copy_from_slice(html.as_bytes()));
        self.state.answer(
            ask,
            Answer {
                html,
                exports,
                ..Answer::default()
            },
        );
    }

    fn fail(&mut self, ask: AskId) {
        self.state.answer(ask, Answer::failed(Outcome::Failed, "test"));
    }

    fn ready(&mut self) -> String {
        let mut out = Vec::new();
        self.state.take_ready(&mut out);
        String::from_utf8(out.concat()).unwrap()
    }

    fn broken(&mut self) -> usize {
        self.state
            .take_notes()
            .iter()
            .filter(|note| matches!(note, Note::Broken(_)))
            .count()
    }
}

const CHECKOUT: &str = "<h1>{{ name }}</h1>{{ __hydra(n=1) }}|{{ __hydra(n=0) }}|{{ __hydra(n=2) }}.";

/// The page of `findings`: a region above the fragment that gives its export, and one below.
fn checkout(name: &str) -> Page {
    Page::new(
        &[
            ("page.html", CHECKOUT),
            (
                "#1/page.html",
                "{% if address %}Ship to {{ address }}{% else %}No address{% endif %}",
            ),
            ("#2/page.html", "{{ address }}"),
            ("#3/page.html", "<p>Sorry {{ name }}</p>"),
        ],
        vec![
            slot("orders/address")
                .imports("name")
                .exports("line2 as address")
                .fallback("#3/page.html", "name"),
            hole("#1/page.html", "address", ""),
            hole("#2/page.html", "address", ""),
        ],
        &context! { name => name },
    )
}

#[test]
fn text_before_the_first_open_place_leaves_at_once_and_the_rest_in_order() {
    let mut page = checkout("Ann");
    assert_eq!(page.asks(), [r#"orders/address{"name":"Ann"} -> line2"#]);
    assert_eq!(page.ready(), "<h1>Ann</h1>");
    page.give(0, "<i>x</i>", json!({"line2": "Main <St>"}));
    assert_eq!(page.ready(), "Ship to Main &lt;St&gt;|<i>x</i>|Main &lt;St&gt;.");
    assert!(page.state.is_complete());
}

#[test]
fn an_export_that_did_not_come_is_none_and_prints_as_empty() {
    let mut page = checkout("Ann");
    page.asks();
    page.give(0, "<i/>", json!({}));
    assert_eq!(page.ready(), "<h1>Ann</h1>No address|<i/>|.");
}

#[test]
fn a_fragment_that_fails_costs_the_page_nothing_but_that_slot() {
    let mut page = checkout("<Ann>");
    page.asks();
    page.fail(0);
    assert_eq!(
        page.ready(),
        "<h1>&lt;Ann&gt;</h1>No address|<p>Sorry &lt;Ann&gt;</p>|."
    );
    assert_eq!(page.broken(), 0);
}

#[test]
fn a_second_answer_is_ignored() {
    let mut page = checkout("Ann");
    page.asks();
    page.give(0, "one", json!({}));
    page.give(0, "two", json!({"line2": "x"}));
    page.give(7, "three", json!({}));
    assert_eq!(page.ready(), "<h1>Ann</h1>No address|one|.");
}

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
                ("page.html", "a{{ __hydra(n=0) }}b{{ __hydra(n=1) }}c"),
                ("#1/page.html", body),
            ],
            vec![slot("s/f").exports("x"), hole("#1/page.html", "x", "")],
            &Context::new(),
        );
        page.asks();
        page.fail(0);
        assert_eq!(page.ready(), "abc", "{body}");
        assert_eq!(page.broken(), 1, "{body}");
    }
}

#[test]
fn a_giver_under_a_condition_on_its_own_export_ends_with_none() {
    let mut page = Page::new(
        &[
            ("page.html", "a{{ __hydra(n=0) }}b"),
            (
                "#1/page.html",
                "{% if x %}{{ __hydra(n=1) }}{% else %}none{% endif %}",
            ),
        ],
        vec![hole("#1/page.html", "x", "").gives("x"), slot("s/f").exports("x")],
        &Context::new(),
    );
    assert!(page.asks().is_empty());
    assert_eq!(page.ready(), "anoneb");
}

#[test]
fn two_holes_that_wait_for_each_other_end_with_none() {
    let mut page = Page::new(
        &[
            ("page.html", "{{ __hydra(n=0) }}{{ __hydra(n=1) }}"),
            ("#1/page.html", "{{ __hydra(n=2) }}"),
            ("#2/page.html", "{{ __hydra(n=3) }}"),
        ],
        vec![
            hole("#1/page.html", "y", "").gives("x"),
            hole("#2/page.html", "x", "").gives("y"),
            slot("s/a").imports("y").exports("x"),
            slot("s/b").imports("x").exports("y"),
        ],
        &Context::new(),
    );
    assert_eq!(page.asks(), [r#"s/a{"y":null} -> x"#, r#"s/b{"x":null} -> y"#]);
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
                "{% if no %}{{ __hydra(n=0) }}{% endif %}{{ __hydra(n=1) }}!",
            ),
            ("#1/page.html", "{% if x %}x{% else %}none{% endif %}"),
        ],
        vec![slot("s/f").exports("x"), hole("#1/page.html", "x", "")],
        &context! { no => &false },
    );
    assert!(page.asks().is_empty());
    assert_eq!(page.ready(), "none!");
}

#[test]
fn a_fallback_that_exports_the_same_settles_after_both() {
    let mut page = Page::new(
        &[
            ("page.html", "{{ __hydra(n=2) }}|{{ __hydra(n=0) }}"),
            ("#1/page.html", "F{{ __hydra(n=1) }}"),
            ("#2/page.html", "[{{ x }}]"),
        ],
        vec![
            slot("s/outer").exports("x").fallback("#1/page.html", ""),
            slot("s/inner").exports("x"),
            hole("#2/page.html", "x", ""),
        ],
        &Context::new(),
    );
    assert_eq!(page.asks(), ["s/outer{} -> x"]);
    page.fail(0);
    assert_eq!(
        page.asks(),
        ["s/inner{} -> x"],
        "the inner fragment is asked for only when the outer one failed"
    );
    assert_eq!(page.ready(), "");
    page.give(1, "I", json!({"x": 5}));
    assert_eq!(page.ready(), "[5]|FI");
}

#[test]
fn a_slot_whose_marker_is_lost_is_asked_for_only_if_it_exports() {
    let mut page = Page::new(
        &[
            (
                "page.html",
                "{% set a = __hydra(n=0) %}{% set b = __hydra(n=1) %}a{{ __hydra(n=2) }}",
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
    assert_eq!(page.asks(), ["s/giver{} -> x"]);
    page.give(0, "unseen", json!({"x": "seen"}));
    assert_eq!(page.ready(), "aseen");
}

#[test]
fn a_marker_that_is_printed_twice_shows_the_same_html_twice() {
    let mut page = Page::new(
        &[("page.html", "{% set s = __hydra(n=0) %}{{ s }}-{{ s }}")],
        vec![slot("s/f")],
        &Context::new(),
    );
    page.asks();
    page.give(0, "F", json!({}));
    assert_eq!(page.ready(), "F-F");
}

#[test]
fn the_same_fragment_with_the_same_imports_is_asked_for_once() {
    let mut page = Page::new(
        &[
            (
                "page.html",
                "{% for i in [1, 2, 1] %}{{ __hydra(n=0) }}{% endfor %}{% set i = 2 %}{{ __hydra(n=1) }}{{ __hydra(n=2) }}{{ __hydra(n=3) }}",
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
        page.asks(),
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
            ("page.html", "a{{ __hydra(n=0) }}b{{ __hydra(n=2) }}"),
            ("#1/page.html", "[{{ __hydra(n=1) }}]"),
            ("#2/page.html", "end"),
        ],
        vec![
            slot("s/f").fallback("#1/page.html", ""),
            slot("s/f").fallback("#2/page.html", ""),
            slot("s/f").fallback("#1/page.html", ""),
        ],
        &Context::new(),
    );
    assert_eq!(page.asks().len(), 1);
    page.fail(0);
    assert_eq!(page.asks().len(), 0);
    assert_eq!(page.ready(), "a[end]b[end]");
    assert!(page.state.is_complete());
}

#[test]
fn an_export_that_the_tag_did_not_name_is_dropped() {
    let mut page = Page::new(
        &[
            ("page.html", "{{ __hydra(n=0) }}{{ __hydra(n=1) }}"),
            ("#1/page.html", "{{ y }}{{ x }}"),
        ],
        vec![
            slot("s/f").exports("a as x"),
            hole("#1/page.html", "x", "").gives(""),
        ],
        &Context::new(),
    );
    page.asks();
    page.give(0, "F", json!({"a": 1, "x": 2, "y": 3}));
    let notes = page.state.take_notes();
    assert!(
        notes
            .iter()
            .any(|note| matches!(note, Note::Dropped { count: 2, .. })),
        "{notes:?}"
    );
    // `y` is no attribute of this page, so the hole that uses it fails.
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
        ("part.html", "A({{ __hydra(n=1) }})"),
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
            ("page.html", "{{ __hydra(n=0) }}{{ __hydra(n=1) }}"),
            ("#1/page.html", "{{ x }}{{ y }}"),
        ],
        vec![slot("s/f").exports("x"), hole("#1/page.html", "x", "y")],
        &context! { x => "captured", y => "taken along" },
    );
    page.asks();
    page.give(0, "", json!({"x": "given, "}));
    assert_eq!(page.ready(), "given, taken along");
}

#[test]
fn loop_members_and_paths_reach_the_lifted_text_and_the_fragment() {
    let mut page = Page::new(
        &[
            (
                "page.html",
                "{% for p in list %}{{ __hydra(n=0, l=[loop.index, loop.index0, loop.first, loop.last, loop.length]) }}{% endfor %}",
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
    assert_eq!(page.asks(), [r#"s/f{"id":7} -> "#, r#"s/f{"id":8} -> "#]);
    page.fail(0);
    page.fail(1);
    assert_eq!(page.ready(), "1/27 2/2.8 ");
}

#[test]
fn service_and_ref_may_be_computed() {
    let mut page = Page::new(
        &[(
            "page.html",
            "{% for s in ['a', 'self', ''] %}{{ __hydra(n=0, service=s, ref='r' ~ s) }}{% endfor %}{{ __hydra(n=0, service='a', ref=none) }}",
        )],
        vec![slot("?/?")],
        &Context::new(),
    );
    assert_eq!(page.asks(), ["a/ra{} -> ", "self/rself{} -> ", "self/r{} -> "]);
    let refused = |note: &Note| {
        matches!(
            note,
            Note::Slot {
                outcome: Outcome::Refused,
                ..
            }
        )
    };
    assert!(
        page.state.take_notes().iter().any(refused),
        "an empty ref is refused"
    );
}

#[test]
fn a_chain_of_imports_and_exports_is_asked_in_as_many_waves_as_it_has_links() {
    let mut page = Page::new(
        &[
            (
                "page.html",
                "{{ __hydra(n=4) }}{{ __hydra(n=3) }}{{ __hydra(n=0) }}",
            ),
            ("#1/page.html", "{{ __hydra(n=1) }}"),
            ("#2/page.html", "{{ __hydra(n=2) }}"),
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
    assert_eq!(page.asks(), ["s/a{} -> x"]);
    page.give(0, "A", json!({"x": 1}));
    assert_eq!(page.asks(), [r#"s/b{"x":1} -> y"#]);
    page.give(1, "B", json!({"y": 2}));
    assert_eq!(page.asks(), [r#"s/c{"y":2} -> "#]);
    page.give(2, "C", json!({}));
    assert_eq!(page.ready(), "CBA");
}

#[test]
fn a_hole_in_a_hole_finds_what_the_outer_one_waited_for() {
    let mut page = Page::new(
        &[
            ("page.html", "{{ __hydra(n=0) }}{{ __hydra(n=1) }}"),
            (
                "#1/page.html",
                "{% if address %}{{ __hydra(n=2) }}{{ __hydra(n=3) }}{% endif %}",
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
    page.asks();
    page.give(0, "", json!({"address": "Main"}));
    assert_eq!(page.asks(), ["s/z{} -> zip"]);
    page.give(1, "Z", json!({"zip": 1000}));
    assert_eq!(page.ready(), "Z1000 Main");
}

#[test]
fn fragment_html_is_never_evaluated_or_cut() {
    let mut page = Page::new(
        &[("page.html", "{{ __hydra(n=0) }}|{{ __hydra(n=1) }}|{{ user }}")],
        vec![slot("s/a"), slot("s/b")],
        &context! { user => "{{ 7*7 }}" },
    );
    page.asks();
    let marker = page.state.core.nonce.print(1, str::to_owned);
    let html = format!("{{{{ 7*7 }}}}<m:fragment ref=\"x\"/>\u{1}0:0\u{2}{marker}");
    page.give(0, &html, json!({}));
    page.give(1, "B", json!({}));
    assert_eq!(page.ready(), format!("{html}|B|{{{{ 7*7 }}}}"));
}

#[test]
fn what_is_beyond_a_bound_is_refused_and_shows_its_fallback() {
    let mut options = Options::new("storefront");
    options.max_fragments = 2;
    options.max_fragment_bytes = 3;
    let plan = plan(
        &[
            (
                "page.html",
                "{% for i in range(end=4) %}{{ __hydra(n=0) }}{% endfor %}",
            ),
            ("#1/page.html", "-"),
        ],
        [slot("s/f").imports("i").fallback("#1/page.html", "")],
    );
    let engine = Engine::new(plan, options, |_| ()).unwrap();
    let mut page = Page {
        state: engine.begin("page.html", &Context::new()).unwrap(),
        asked: Vec::new(),
    };
    assert_eq!(page.asks().len(), 2);
    page.give(0, "123", json!({}));
    page.give(1, "1234", json!({}));
    assert_eq!(page.ready(), "123---");
}

#[test]
fn a_text_that_is_lifted_into_itself_ends_at_the_bound() {
    let mut page = Page::new(
        &[
            ("page.html", "a{{ __hydra(n=0) }}b"),
            ("#1/page.html", "x{{ __hydra(n=0) }}"),
        ],
        vec![hole("#1/page.html", "", "")],
        &Context::new(),
    );
    assert_eq!(page.ready(), format!("a{}b", "x".repeat(64)));
    assert_eq!(page.broken(), 1);
}

#[test]
fn an_answer_whose_outcome_and_html_disagree_shows_the_fallback() {
    for answer in [
        Answer {
            outcome: Outcome::Rendered,
            ..Answer::default()
        },
        Answer {
            outcome: Outcome::Late,
            html: Some(Bytes::from_static(b"x")),
            ..Answer::default()
        },
    ] {
        let mut page = checkout("Ann");
        page.asks();
        page.state.answer(0, answer);
        assert_eq!(page.ready(), "<h1>Ann</h1>No address|<p>Sorry Ann</p>|.");
    }
}

#[test]
fn a_lifted_text_is_escaped_as_its_file_is() {
    let plan = plan(
        &[
            ("page.html", "{{ __hydra(n=0) }}"),
            ("#3/page.html", "{{ x }}"),
            ("page.txt", "{{ x }}"),
        ],
        [hole("#3/page.html", "", "x")],
    );
    let engine = Engine::new(plan, Options::new("s"), |_| ()).unwrap();
    let page = |template| {
        let state = engine.begin(template, &context! { x => "<" }).unwrap();
        Page {
            state,
            asked: Vec::new(),
        }
        .ready()
    };
    assert_eq!(page("page.html"), "&lt;");
    assert_eq!(page("page.txt"), "<");
}

#[test]
fn a_site_that_the_plan_does_not_hold_is_an_error_with_its_place() {
    let plan = plan(&[("page.html", "{{ __hydra(n=9) }}")], []);
    let engine = Engine::new(plan, Options::new("s"), |_| ()).unwrap();
    let error = engine.begin("page.html", &Context::new()).err().unwrap();
    assert!(error.message.contains("no site 9"), "{error}");
    assert_eq!((error.place.file.as_str(), error.place.line), ("page.html", 1));
}

#[test]
fn a_panic_in_a_filter_costs_only_the_region_it_stands_in() {
    let plan = plan(
        &[
            ("page.html", "a{{ __hydra(n=0) }}b{{ __hydra(n=1) }}c"),
            ("#1/page.html", "{{ 1 | boom }}"),
        ],
        [hole("#1/page.html", "", ""), slot("f")],
    );
    let boom = |_: i64, _: tera::Kwargs, _: &tera::State| -> tera::TeraResult<String> { panic!("boom") };
    let engine = Engine::new(plan, Options::new("s"), |tera| tera.register_filter("boom", boom)).unwrap();
    let mut page = Page {
        state: engine.begin("page.html", &Context::new()).unwrap(),
        asked: Vec::new(),
    };
    assert_eq!(page.asks(), ["self/f{} -> "]);
    page.give(0, "F", json!({}));
    assert_eq!(page.ready(), "abFc");
    assert_eq!(page.broken(), 1);
}

#[test]
fn only_a_required_fragment_holds_the_head() {
    let mut page = Page::new(
        &[
            ("page.html", "{{ __hydra(n=0) }}{{ __hydra(n=1) }}"),
            ("#1/page.html", "{% if x %}{{ __hydra(n=2) }}{% endif %}"),
        ],
        vec![
            slot("s/f").exports("x"),
            hole("#1/page.html", "x", ""),
            slot("s/r").required(),
        ],
        &Context::new(),
    );
    page.asks();
    assert!(page.state.holds_head(), "the region may hold a required fragment");
    page.give(0, "F", json!({"x": true}));
    assert!(page.state.holds_head());
    page.asks();
    page.fail(1);
    assert!(!page.state.holds_head());
    assert_eq!(
        page.state.failure().map(PageFailure::status),
        Some(http::StatusCode::BAD_GATEWAY)
    );
}

#[test]
fn pieces_that_are_small_leave_together_and_large_ones_are_not_copied() {
    let large = "x".repeat(1000);
    let mut page = Page::new(
        &[(
            "page.html",
            &format!("{large}{{{{ __hydra(n=0) }}}}b{{{{ __hydra(n=1) }}}}{large}"),
        )],
        vec![slot("s/a"), slot("s/b")],
        &Context::new(),
    );
    page.asks();
    page.give(0, "1", json!({}));
    page.give(1, "2", json!({}));
    let mut out: Vec<Bytes> = Vec::new();
    page.state.take_ready(&mut out);
    assert_eq!(out.iter().map(Bytes::len).collect::<Vec<_>>(), [1000, 3, 1000]);
    assert_eq!(out.concat(), format!("{large}1b2{large}").into_bytes());
}
