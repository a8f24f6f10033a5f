//! Bad answers, bad plans, and too much of anything.

use super::*;

#[test]
fn fragment_html_is_never_evaluated_or_cut() {
    let mut page = Page::new(
        &[("page.html", "{{ 0 | __hydra }}|{{ 1 | __hydra }}|{{ user }}")],
        vec![slot("s/a"), slot("s/b")],
        &context! { user => "{{ 7*7 }}" },
    );
    page.fetches();
    let marker = page.state.shared.templates.marker(1);
    let html = format!("{{{{ 7*7 }}}}<m:fragment ref=\"x\"/>\u{1}0:0\u{2}{marker}");
    page.give(0, &html, json!({}));
    page.give(1, "B", json!({}));
    assert_eq!(page.ready(), format!("{html}|B|{{{{ 7*7 }}}}"));
}

/// The compiler refuses such templates. If one gets through, visitors do not see what it made of the marker.
#[test]
fn what_a_template_makes_of_a_marker_is_not_shown() {
    for (template, expected) in [
        (
            "a{% filter truncate(length=5, end='…') %}{{ 0 | __hydra }}{% endfilter %}b",
            "a…b",
        ),
        (
            "a{% filter truncate(length=19) %}{{ 0 | __hydra }}{% endfilter %}b",
            "a…b",
        ),
        ("{% filter upper %}a{{ 0 | __hydra }}b{% endfilter %}", "AAB"),
    ] {
        let mut page = Page::new(&[("page.html", template)], vec![slot("s/a")], &Context::new());
        if !page.fetches().is_empty() {
            page.give(0, "A", json!({}));
        }
        assert_eq!(page.ready(), expected, "{template}");
        let damaged = page.state.take_events();
        let damaged = damaged.iter().filter(|note| **note == PageEvent::Damaged).count();
        assert_eq!(damaged, usize::from(!template.contains("upper")), "{template}");
    }
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
                "{% for i in range(end=4) %}{{ 0 | __hydra }}{% endfor %}",
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
    assert_eq!(page.fetches().len(), 2);
    page.give(0, "123", json!({}));
    page.give(1, "1234", json!({}));
    assert_eq!(page.ready(), "123---");
}

#[test]
fn a_text_that_is_lifted_into_itself_ends_at_the_bound() {
    let mut page = Page::new(
        &[
            ("page.html", "a{{ 0 | __hydra }}b"),
            ("#1/page.html", "x{{ 0 | __hydra }}"),
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
        page.fetches();
        page.state.answer(0, answer);
        assert_eq!(page.ready(), "<h1>Ann</h1>No address|<p>Sorry Ann</p>|.");
    }
}

#[test]
fn a_site_that_the_plan_does_not_hold_is_an_error_with_its_place() {
    let plan = plan(&[("page.html", "{{ 9 | __hydra }}")], []);
    let engine = Engine::new(plan, Options::new("s"), |_| ()).unwrap();
    let error = engine.begin("page.html", &Context::new()).err().unwrap();
    assert!(error.message.contains("no site 9"), "{error}");
    assert_eq!((error.place.file.as_str(), error.place.line), ("page.html", 1));
}

#[test]
fn a_panic_in_a_filter_costs_only_the_region_it_stands_in() {
    let plan = plan(
        &[
            ("page.html", "a{{ 0 | __hydra }}b{{ 1 | __hydra }}c"),
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
    assert_eq!(page.fetches(), ["self/f{} -> "]);
    page.give(0, "F", json!({}));
    assert_eq!(page.ready(), "abFc");
    assert_eq!(page.broken(), 1);
}
