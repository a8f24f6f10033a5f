//! Random sites through the whole compiler: never a panic, a hang or a dead process, and what is clean also loads.
//!
//! Runs for `HYDRA_FUZZ_SECONDS` (2 if not set; the test command gives it a minute, and hours are fine by hand). A site
//! that fails is shrunk and shown.

mod idioms;

use std::{
    cell::Cell,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use hydra_compile::{
    Input, compile,
    report::{self, Findings, Format, ReportStyle},
    source::Source,
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed, TestCaseError, TestRunner},
};
use tera::{Kwargs, State, Tera, Value};

/// How long one site may take. A site is at most some kilobytes: this is a hang.
const HANG: Duration = Duration::from_secs(20);

/// What templates are made of.
const TOKENS: &[&str] = &[
    "<m:fragment ",
    "<m:fragment>",
    "</m:fragment>",
    "<m:",
    "</m:",
    " ref=\"a\"",
    " ref='b'",
    " service=\"s\"",
    " exports=\"x\"",
    " exports=\"x as y, z\"",
    " imports=\"a, b as c\"",
    " imports=\"p.q as r\"",
    " timeout=\"2s\"",
    " required",
    " ref={{ ",
    " service={{",
    "/>",
    ">",
    "<div m:ref=\"a\" m:imports=\"b: date = '1'\" m:exports=\"x: list<string>\">",
    "</div>",
    "<html m:attributes=\"a: string\">",
    "{{ ",
    " }}",
    "{{- ",
    " -}}",
    "{% ",
    " %}",
    "{%- ",
    " -%}",
    "{# ",
    " #}",
    "if x",
    "elif y",
    "else",
    "endif",
    "for i in x",
    "for k, v in a",
    "endfor",
    "set a = x",
    "set a",
    "endset",
    "block b",
    "endblock",
    "filter upper",
    "endfilter",
    "component c(a)",
    "endcomponent",
    "<c a={x} />",
    "include \"b.html\"",
    "include \"a.html\"",
    "extends \"b.html\"",
    "extends \"c.html\"",
    "break",
    "continue",
    "raw",
    "endraw",
    "super()",
    "x",
    "y | upper",
    "a.b",
    "loop.index",
    "'",
    "\"",
    "`",
    "\\",
    "<!--",
    "-->",
    "<script>",
    "</script>",
    "<![CDATA[",
    "as",
    ",",
    "=",
    "&amp;",
    "&#44;",
    "é",
    "\u{20ac}",
    "\u{1f600}",
    "\u{feff}",
    "\r\n",
    "\0",
    "\t",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    "-",
    "~",
    "?",
    "xmlns:h=\"getmedusa.io\"",
    "<h:fragment ref=\"a\"/>",
    "__tera_context",
    "not ",
    "and ",
    "1",
    "1.5e9",
];

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(TOKENS), 0..60).prop_map(|tokens| tokens.concat())
}

/// Statements that are whole, so that the inner stages are reached, too.
fn sound() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "text ",
        "{{ a }}",
        "{{ x }}",
        "{{ y or 'n' }}",
        "{% set v = x %}",
        "{% include 'b.html' %}",
        "{{ v }}",
        "<m:fragment service='s' ref='f' exports='x'>no</m:fragment>",
        "<m:fragment ref='g' imports='x as i'/>",
        "<m:fragment service='{{ a }}' ref='h' exports='y' required>{{ x }}</m:fragment>",
        "{{ loop.index }}",
        "{{ super() }}",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 60, 6, |inner| {
        let body = prop::collection::vec(inner, 0..6).prop_map(|parts| parts.concat());
        let frames = prop::sample::select(vec![
            ("{% if x %}", "{% endif %}"),
            ("{% if a %}b{% elif y %}", "{% else %}c{% endif %}"),
            ("{% for i in a %}", "{% endfor %}"),
            ("{% for x in y -%}", "{% break %}{% endfor %}"),
            ("{% set v %}", "{% endset %}"),
            ("{% filter upper %}", "{% endfilter %}"),
            ("<m:fragment service='s' ref='k' imports='v'>", "</m:fragment>"),
            ("<p m:ref='o' m:exports='x'>", "</p>"),
            ("{% block b %}", "{% endblock %}"),
            ("{% extends 'b.html' %}{% block c %}", "{% endblock %}"),
        ]);
        (frames, body).prop_map(|((open, close), body)| format!("{open}{body}{close}"))
    })
}

/// A template of the fixtures with a part cut out, doubled or moved.
fn mutated() -> impl Strategy<Value = String> {
    let mut texts = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures"),
        &mut texts,
    );
    (
        prop::sample::select(texts),
        any::<[prop::sample::Index; 3]>(),
        0..4u8,
    )
        .prop_map(|(text, at, how)| {
            let characters: Vec<char> = text.chars().collect();
            let mut cuts = at.map(|index| index.index(characters.len() + 1));
            cuts.sort_unstable();
            let part = |range: std::ops::Range<usize>| characters[range].iter().collect::<String>();
            let (head, one, two, tail) = (
                part(0..cuts[0]),
                part(cuts[0]..cuts[1]),
                part(cuts[1]..cuts[2]),
                part(cuts[2]..characters.len()),
            );
            match how {
                0 => head + &two + &tail,
                1 => head + &one + &one + &two + &tail,
                2 => head + &two + &one + &tail,
                _ => head + &one,
            }
        })
}

fn collect(folder: &Path, texts: &mut Vec<String>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, texts);
        } else if path.extension().is_some_and(|ending| ending == "html") {
            texts.extend(fs::read_to_string(&path));
        }
    }
}

/// Rows of the table of other engines and lines of the fixtures' slips, changed and written into one another.
fn idioms() -> impl Strategy<Value = String> {
    let mut slips = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/slips"),
        &mut slips,
    );
    let lines = slips
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| !line.trim().is_empty());
    let lines = lines.map(str::to_owned).collect();
    idioms::spliced(lines)
}

fn template() -> impl Strategy<Value = String> {
    prop_oneof![3 => soup(), 4 => sound(), 3 => mutated(), 8 => idioms(), 1 => ".{0,200}"]
}

fn compiles(templates: &[String]) -> Result<(), TestCaseError> {
    let names = ["a.html", "b.html", "c.html"];
    let sources = names
        .iter()
        .zip(templates)
        .map(|(name, text)| Source::new(*name, *name, text.as_str()));
    let input = Input {
        sources: sources.collect(),
        templates: templates.len(),
        ..Input::default()
    };
    let start = Instant::now();
    let compiled = compile(&input);
    let findings = Findings {
        problems: &compiled.problems,
        sources: &input.sources,
        templates: input.templates,
    };
    for format in [Format::Human, Format::Short, Format::Json, Format::Sarif] {
        let style = ReportStyle {
            width: 80,
            color: false,
            unicode: false,
        };
        let _ = report::render(findings, format, style);
    }
    if let Some(site) = &compiled.site {
        let mut tera = Tera::default();
        tera.register_filter("__hydra", |_: usize, _: Kwargs, _: &State| Value::none());
        for name in ["menu", "is_there", "asset"] {
            tera.register_function(name, |_: Kwargs, _: &State| Value::none());
        }
        let plan = site.plan();
        let loaded = tera.add_raw_templates(plan.templates.iter().map(|found| (&found.name, &found.source)));
        let shown = || {
            plan.templates
                .iter()
                .map(|found| format!("\n{}: {}", found.name, found.source))
                .collect::<String>()
        };
        prop_assert!(
            loaded.is_ok(),
            "{}{}",
            loaded.err().map_or(String::new(), |error| error.to_string()),
            shown()
        );
    }
    prop_assert!(start.elapsed() < HANG, "it took {:?}", start.elapsed());
    Ok(())
}

#[test]
fn no_site_is_too_much_for_the_compiler() {
    let seconds = std::env::var("HYDRA_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2);
    let end = Instant::now() + Duration::from_secs(seconds);
    let sites = Cell::new(0_u64);
    let strategy = prop::collection::vec(template(), 1..=3);
    while Instant::now() < end {
        let mut config = Config {
            cases: 100,
            failure_persistence: None,
            ..Config::default()
        };
        // With a seed that is given, other sites each time.
        if let RngSeed::Fixed(seed) = config.rng_seed {
            config.rng_seed = RngSeed::Fixed(seed.wrapping_add(sites.get()));
        }
        let result = TestRunner::new(config).run(&strategy, |templates| {
            sites.set(sites.get() + 1);
            compiles(&templates)
        });
        if let Err(error) = result {
            panic!("after {} sites: {error}", sites.get());
        }
    }
    println!("{} sites in {seconds} s", sites.get());
}
