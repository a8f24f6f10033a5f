//! Rust types in `m:attributes`: `lines: list<Line>`, where `src/` defines a `Line`.

use hydra_compile::{
    Input,
    compile::{artifacts, compile},
    source::Source,
};

const RUST: &str = "
    use serde::Serialize;
    #[derive(Debug, Serialize)]
    pub struct Line { pub title: String, pub price: Price, pub parts: Vec<Line>, pub more: serde_json::Value }
    #[derive(Debug, Serialize)]
    #[serde(rename_all = \"camelCase\")]
    pub struct Price { pub in_cents: i64 }
    #[derive(Debug, Serialize)]
    pub enum State { Open, Closed }
    pub type Lines = Vec<Line>;
    mod a { #[derive(serde::Serialize)] pub struct Twice { x: u8 } }
    mod b { #[derive(serde::Serialize)] pub struct Twice { y: u8 } }
";

fn input(template: &str, rust: &str) -> Input {
    Input {
        sources: vec![
            Source::new("a.html", "a.html", template),
            Source::new("model.rs", "src/model.rs", rust),
        ],
        templates: 1,
        ..Input::default()
    }
}

/// What is said of an offered fragment, and of a page, that states these attributes and shows this.
fn said(attributes: &str, shown: &str, rust: &str) -> Vec<String> {
    let [fragment, page] = [
        format!("<p m:ref='a' m:attributes=\"{attributes}\">{shown}</p>"),
        format!("<html m:attributes=\"{attributes}\">{shown}</html>"),
    ]
    .map(|template| {
        let problems = compile(&input(&template, rust)).problems;
        let text = |problem: &hydra_compile::problem::Problem| {
            let help = problem.help.as_deref().unwrap_or_default();
            format!("{}: {} ({help})", problem.code.name(), problem.message)
        };
        problems.iter().map(text).collect::<Vec<_>>()
    });
    assert_eq!(fragment, page, "{attributes}, {shown}");
    fragment
}

#[test]
fn fields_of_named_types_are_checked_to_any_depth() {
    const NO_TITEL: &str = "unknown-field: `Line` has no field `titel` (did you mean `title`?)";
    const NO_CENTS: &str = "unknown-field: `Price` has no field `in_cents` (did you mean `inCents`?)";
    for (attributes, shown, expected) in [
        ("line: Line", "{{ line.title }}", vec![]),
        ("line: Line", "{{ line.titel }}", vec![NO_TITEL]),
        ("line: Line", "{{ line.titel or '' }}", vec![]),
        ("line: Line", "{{ line.price.inCents }}", vec![]),
        ("line: Line", "{{ line.price.in_cents }}", vec![NO_CENTS]),
        (
            "lines: list<Line>",
            "{% for l in lines %}{{ l.title }}{{ l.titel }}{% endfor %}",
            vec![NO_TITEL],
        ),
        (
            "lines: list<list<Line>>",
            "{% for l in lines %}{% for m in l %}{{ m.price.in_cents }}{% endfor %}{% endfor %}",
            vec![NO_CENTS],
        ),
        (
            "line: Line",
            "{% for p in line.parts %}{% set q = p %}{{ q.titel }}{% endfor %}",
            vec![NO_TITEL],
        ),
        ("lines: map<Line>", "{{ lines.a.titel }}", vec![]),
        ("line: Line", "{{ line.more.titel }}", vec![]),
        ("state: State", "{{ state.titel }}", vec![]),
        (
            "lines: Lines",
            "{% for l in lines %}{{ l.titel }}{% endfor %}",
            vec![],
        ),
        ("t: Twice", "{{ t.z }}", vec![]),
    ] {
        assert_eq!(said(attributes, shown, RUST), expected, "{attributes}, {shown}");
    }
}

#[test]
fn names_that_the_crate_lacks_are_not_types() {
    for (attributes, rust, expected) in [
        (
            "a: Lin",
            RUST,
            "bad-name: `src/` defines no type `Lin` (did you mean `Line`?)",
        ),
        (
            "a: list<Lnie>",
            RUST,
            "bad-name: `src/` defines no type `Lnie` (did you mean `list<Line>`?)",
        ),
        (
            "a: String",
            RUST,
            "bad-name: `String` is not a type (did you mean `string`?)",
        ),
        (
            "a: line",
            RUST,
            "bad-name: `line` is not a type: write one of string, integer, number, boolean, date, datetime, list<…>, map<…>, \
             any (write `any` where no type fits)",
        ),
        (
            "a: Line",
            "",
            "bad-name: `Line` is not a type: write one of string, integer, number, boolean, date, datetime, list<…>, map<…>, \
             any (write `any` where no type fits, or define `Line` in `src/`)",
        ),
    ] {
        assert_eq!(said(attributes, "{{ a }}", rust), [expected], "{attributes}");
    }
}

#[test]
fn what_crosses_between_services_has_no_type_of_a_crate() {
    for list in ["m:imports='a: Line'", "m:exports='a: list<Line>'"] {
        let problems = compile(&input(&format!("<p m:ref='a' {list}>-</p>"), RUST)).problems;
        let codes: Vec<_> = problems.iter().map(|problem| problem.code.name()).collect();
        assert_eq!(codes, ["bad-name"], "{list}");
    }
}

#[test]
fn the_bindings_hold_the_named_type() {
    let template = "<p m:ref='a' m:attributes='lines: list<Line>, by: map<list<State>>, total: number'>\
                    {% for l in lines %}{{ l.title }}{% endfor %}{{ total }}{{ by.a }}</p>";
    let site = compile(&input(template, RUST)).site.expect("a sound site");
    let files = artifacts(&site);
    let (_, bindings) = files
        .iter()
        .find(|(name, _)| name == "hydra.rs")
        .expect("bindings");
    for field in [
        "pub lines: ::std::vec::Vec<super::Line>,",
        "::std::vec::Vec<super::State>,",
        "pub total: f64,",
    ] {
        assert!(bindings.contains(field), "{field} in {bindings}");
    }
}
