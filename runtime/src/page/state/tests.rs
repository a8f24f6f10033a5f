mod bounds;
mod exports;
mod fetches;

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
    fn new(templates: &[(&str, &str)], sites: Vec<hydra_contract::Insertion>, context: &Context) -> Self {
        let engine = Engine::new(plan(templates, sites), Options::new("storefront"), |_| ()).unwrap();
        let state = engine.begin("page.html", context).unwrap();
        Self {
            state,
            asked: Vec::new(),
        }
    }

    /// The new asks: `service/ref{imports} -> exports`.
    fn fetches(&mut self) -> Vec<String> {
        let new: Vec<String> = self
            .state
            .take_fetches()
            .map(|fetch| {
                let query = self.state.query(fetch).unwrap();
                let owner = query.fragment.owner.as_deref().unwrap_or("self");
                let imports = serde_json::Value::Object(query.imports().unwrap());
                let exports = query.exports.join(",");
                format!("{owner}/{}{imports} -> {exports}", query.fragment.reference)
            })
            .collect();
        self.asked.extend(new.clone());
        new
    }

    fn give(&mut self, fetch: FetchId, html: &str, exports: serde_json::Value) {
        let exports = exports.as_object().cloned().unwrap_or_default();
        let html = Some(Bytes::copy_from_slice(html.as_bytes()));
        self.state.answer(
            fetch,
            Answer {
                html,
                exports,
                ..Answer::default()
            },
        );
    }

    fn fail(&mut self, fetch: FetchId) {
        self.state.answer(fetch, Answer::failed(Outcome::Failed, "test"));
    }

    fn ready(&mut self) -> String {
        let mut out = Vec::new();
        self.state.take_ready(&mut out);
        String::from_utf8(out.concat()).unwrap()
    }

    fn broken(&mut self) -> usize {
        self.state
            .take_events()
            .iter()
            .filter(|note| matches!(note, PageEvent::Broken(_)))
            .count()
    }
}

const CHECKOUT: &str = "<h1>{{ name }}</h1>{{ 1 | __hydra }}|{{ 0 | __hydra }}|{{ 2 | __hydra }}.";

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
    assert_eq!(page.fetches(), [r#"orders/address{"name":"Ann"} -> line2"#]);
    assert_eq!(page.ready(), "<h1>Ann</h1>");
    page.give(0, "<i>x</i>", json!({"line2": "Main <St>"}));
    assert_eq!(page.ready(), "Ship to Main &lt;St&gt;|<i>x</i>|Main &lt;St&gt;.");
    assert!(page.state.is_complete());
}

#[test]
fn an_export_that_did_not_come_is_none_and_prints_as_empty() {
    let mut page = checkout("Ann");
    page.fetches();
    page.give(0, "<i/>", json!({}));
    assert_eq!(page.ready(), "<h1>Ann</h1>No address|<i/>|.");
}

#[test]
fn a_fragment_that_fails_costs_the_page_nothing_but_that_slot() {
    let mut page = checkout("<Ann>");
    page.fetches();
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
    page.fetches();
    page.give(0, "one", json!({}));
    page.give(0, "two", json!({"line2": "x"}));
    page.give(7, "three", json!({}));
    assert_eq!(page.ready(), "<h1>Ann</h1>No address|one|.");
}

#[test]
fn a_marker_that_is_printed_twice_shows_the_same_html_twice() {
    let mut page = Page::new(
        &[("page.html", "{% set s = 0 | __hydra %}{{ s }}-{{ s }}")],
        vec![slot("s/f")],
        &Context::new(),
    );
    page.fetches();
    page.give(0, "F", json!({}));
    assert_eq!(page.ready(), "F-F");
}

#[test]
fn a_lifted_text_is_escaped_as_its_file_is() {
    let plan = plan(
        &[
            ("page.html", "{{ 0 | __hydra }}"),
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
fn only_a_required_fragment_holds_the_head() {
    let mut page = Page::new(
        &[
            ("page.html", "{{ 0 | __hydra }}{{ 1 | __hydra }}"),
            ("#1/page.html", "{% if x %}{{ 2 | __hydra }}{% endif %}"),
        ],
        vec![
            slot("s/f").exports("x"),
            hole("#1/page.html", "x", ""),
            slot("s/r").required(),
        ],
        &Context::new(),
    );
    page.fetches();
    assert!(page.state.holds_head(), "the region may hold a required fragment");
    page.give(0, "F", json!({"x": true}));
    assert!(page.state.holds_head());
    page.fetches();
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
            &format!("{large}{{{{ 0 | __hydra }}}}b{{{{ 1 | __hydra }}}}{large}"),
        )],
        vec![slot("s/a"), slot("s/b")],
        &Context::new(),
    );
    page.fetches();
    page.give(0, "1", json!({}));
    page.give(1, "2", json!({}));
    let mut out: Vec<Bytes> = Vec::new();
    page.state.take_ready(&mut out);
    assert_eq!(out.iter().map(Bytes::len).collect::<Vec<_>>(), [1000, 3, 1000]);
    assert_eq!(out.concat(), format!("{large}1b2{large}").into_bytes());
}
