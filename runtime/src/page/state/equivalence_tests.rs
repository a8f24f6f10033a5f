//! The definition of correct (design section 5), with answers in random order: the page is what plain Tera prints if all
//! exports had been in the context from the start and all HTML had stood in place of its tag.

use proptest::prelude::*;
use serde_json::json;
use tera::Tera;

use super::*;
use crate::page::{
    Engine, Options,
    plans::{SiteExt, hole, plan, slot},
};

const PAGE: &str = "A{{ 0 | __hydra }}|{{ 5 | __hydra }}|{% for i in [1, 2] %}{{ 3 | __hydra(l=[loop.index, loop.index0, \
                    loop.first, loop.last, loop.length]) }}{% endfor %}|{{ 7 | __hydra }}.";

const REFERENCE: &str = "A{% if a %}{{ a | safe }}{% else %}[{{ name }}{{ b | safe }}]{% endif %}|\
    {% if x %}X={{ x }};{{ c | safe }}{{ y }}/{{ x }}{% else %}no x{% endif %}|\
    {% for i in [1, 2] %}{% if d[i - 1] %}{{ d[i - 1] | safe }}{% else %}({{ i }}:{{ loop.last }}){% endif %}{% endfor %}|\
    {{ x or 'nx' }}{{ y or 'ny' }}.";

fn engine() -> Engine {
    let plan = plan(
        &[
            ("page.html", PAGE),
            ("#1/page.html", "[{{ name }}{{ 1 | __hydra }}]"),
            (
                "#2/page.html",
                "{% if x %}X={{ x }};{{ 2 | __hydra }}{{ 6 | __hydra }}{% else %}no x{% endif %}",
            ),
            ("#3/page.html", "{{ y }}/{{ x }}"),
            ("#4/page.html", "({{ i }}:{{ loop.last }})"),
            ("#5/page.html", "{{ x or 'nx' }}{{ y or 'ny' }}"),
        ],
        [
            slot("s/a").exports("x").fallback("#1/page.html", "name"),
            slot("s/b").exports("e as x"),
            slot("s/c").imports("x").exports("y"),
            slot("s/d").imports("i").fallback("#4/page.html", "i"),
            slot("s/unused"),
            hole("#2/page.html", "x", "").gives("y"),
            hole("#3/page.html", "y", "x"),
            hole("#5/page.html", "x, y", ""),
        ],
    );
    Engine::new(plan, Options::new("storefront"), |_| ()).unwrap()
}

/// What a fragment does: its HTML and its export, or nothing.
type Given = Option<(String, Option<String>)>;

fn given() -> impl Strategy<Value = Given> {
    proptest::option::of(("<[a-z]{1,3}>", proptest::option::of("[a-z&<]{0,3}")))
}

fn reference(name: &str, fragments: &[Given; 5]) -> String {
    let html = |fragment: &Given| fragment.as_ref().map(|(html, _)| html.clone());
    let export = |fragment: &Given| fragment.as_ref().and_then(|(_, export)| export.clone());
    let [a, b, c, d1, d2] = fragments;
    let x = if a.is_some() { export(a) } else { export(b) };
    let has_x = x.as_ref().is_some_and(|x| !x.is_empty());
    let y = if has_x { export(c) } else { None };
    let context = tera::context! {
        name => name, x => &x, y => &y, a => &html(a), b => &html(b).unwrap_or_default(),
        c => &html(c).unwrap_or_default(), d => &[html(d1), html(d2)],
    };
    let mut tera = Tera::default();
    tera.add_raw_template("page.html", REFERENCE).unwrap();
    tera.render("page.html", &context).unwrap()
}

/// How often each site ends in an outcome: once for each time that it is reached.
fn reached(fragments: &[Given; 5]) -> [usize; 8] {
    let [a, b, ..] = fragments;
    let giver = if a.is_some() { a } else { b };
    let x = giver.as_ref().and_then(|(_, export)| export.as_ref());
    let has_x = x.is_some_and(|x| !x.is_empty());
    [1, usize::from(a.is_none()), usize::from(has_x), 2, 0, 0, 0, 0]
}

/// Answers in the order that `picks` gives, each twice, and takes what is ready after every step. The page, and how many
/// outcomes each of its sites had.
fn page(name: &str, fragments: &[Given; 5], picks: &[prop::sample::Index]) -> (String, [usize; 8]) {
    let mut state = engine()
        .begin("page.html", &tera::context! { name => name })
        .unwrap();
    let mut open: Vec<FetchId> = Vec::new();
    let mut out: Vec<Bytes> = Vec::new();
    for pick in picks {
        open.extend(state.take_fetches());
        state.take_ready(&mut out);
        if open.is_empty() {
            break;
        }
        let fetch = open.swap_remove(pick.index(open.len()));
        let query = state.query(fetch).unwrap();
        let fragment = match &*query.fragment.reference {
            "a" => &fragments[0],
            "b" => &fragments[1],
            "c" => &fragments[2],
            _ if query.imports().unwrap()["i"] == 1 => &fragments[3],
            _ => &fragments[4],
        };
        let answer = match fragment {
            None => Answer::failed(Outcome::Failed, "test"),
            Some((html, export)) => Answer {
                html: Some(Bytes::from(html.clone())),
                exports: json!({"x": export, "e": export, "y": export})
                    .as_object()
                    .cloned()
                    .unwrap(),
                ..Answer::default()
            },
        };
        state.answer(fetch, answer);
        let again = Answer {
            html: Some(Bytes::from_static(b"again")),
            ..Answer::default()
        };
        state.answer(fetch, again);
        state.answer(fetch, Answer::failed(Outcome::Late, "again"));
    }
    state.take_ready(&mut out);
    assert!(state.is_complete());
    let mut outcomes = [0; 8];
    for note in state.take_events() {
        if let PageEvent::Slot { site, .. } = note {
            outcomes[site] += 1;
        }
    }
    (String::from_utf8(out.concat()).unwrap(), outcomes)
}

proptest! {
    #[test]
    fn the_page_is_what_plain_tera_prints_in_whatever_order_the_answers_come(
        name in "[a-z<&{]{0,4}",
        fragments in [given(), given(), given(), given(), given()],
        picks in prop::collection::vec(any::<prop::sample::Index>(), 10),
    ) {
        prop_assert_eq!(page(&name, &fragments, &picks).0, reference(&name, &fragments));
    }

    #[test]
    fn every_slot_ends_in_exactly_one_outcome(
        name in "[a-z<&{]{0,4}",
        fragments in [given(), given(), given(), given(), given()],
        picks in prop::collection::vec(any::<prop::sample::Index>(), 10),
    ) {
        prop_assert_eq!(page(&name, &fragments, &picks).1, reached(&fragments));
    }
}
