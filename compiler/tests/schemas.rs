//! What the program writes and reads is what the schemas say.

mod schema;

use hydra_compile::{
    problem::{Code, Problem},
    report::{self, Findings, Format, ReportStyle},
    source::{Source, SourceId, Span},
};
use hydra_contract::Contract;
use schema::validate;
use serde_json::{Value, json};

const CONTRACT: &str = include_str!("../contract/contract.schema.json");
const SARIF: &str = include_str!("../../fixtures/sarif/sarif-2.1.0-rtm.5.json");

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn sarif(problems: &[Problem], sources: &[Source]) -> Value {
    let findings = Findings {
        problems,
        sources,
        templates: sources.len(),
    };
    parse(&report::render(
        findings,
        Format::Sarif,
        ReportStyle {
            width: 80,
            color: false,
            unicode: true,
        },
    ))
}

#[test]
fn sarif_is_what_the_published_schema_accepts() {
    let sources = [
        Source::new("a.html", "/a folder/é.html", "<p>\r\n"),
        Source::new("b.html", "b.html", ""),
    ];
    let at = |source, start, end| Span::new(start, end).at(SourceId(source));
    let all = |code: &Code| {
        Problem::new(*code, "a \u{1b} message", at(0, 1, 3), "here")
            .label(at(1, 0, 0), "there")
            .help("mend it")
    };
    let mut problems: Vec<Problem> = Code::ALL.iter().map(all).collect();
    problems[0].labels.clear();
    for problems in [&problems[..], &[]] {
        let faults = validate(&parse(SARIF), &sarif(problems, &sources));
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

#[test]
fn a_log_that_is_not_sarif_is_refused() {
    let good = sarif(
        &[Problem::new(
            Code::BadList,
            "m",
            Span::default().at(SourceId(0)),
            "",
        )],
        &[Source::new("a", "a", "")],
    );
    let faults_with = |pointer: &str, wrong: Value| {
        let mut log = good.clone();
        *log.pointer_mut(pointer).expect("a member") = wrong;
        validate(&parse(SARIF), &log)
    };
    assert!(!faults_with("/version", json!("2.0.0")).is_empty());
    assert!(!faults_with("/runs/0/results/0/level", json!("fatal")).is_empty());
    assert!(!faults_with("/runs/0/results/0/message", json!({})).is_empty());
    assert!(!faults_with("/runs/0/tool/driver", json!({"name": "x", "colour": 1})).is_empty());
    assert!(
        !faults_with(
            "/runs/0/results/0/locations/0/physicalLocation/region/startLine",
            json!(0)
        )
        .is_empty()
    );
}

/// The schema and the Rust types say the same of a contract.
fn check(contract: &Value, accepted: bool) {
    let faults = validate(&parse(CONTRACT), contract);
    assert_eq!(
        faults.is_empty(),
        accepted,
        "the schema of {contract}: {faults:?}"
    );
    let read = serde_json::from_value::<Contract>(contract.clone());
    assert_eq!(
        read.is_ok(),
        accepted,
        "the types of {contract}: {:?}",
        read.err()
    );
    if let Ok(contract) = read {
        let written = serde_json::to_value(contract).expect("JSON");
        assert_eq!(validate(&parse(CONTRACT), &written), Vec::<String>::new());
    }
}

#[test]
fn schema_and_types_accept_the_same_contracts() {
    check(&json!({"service": "orders"}), true);
    check(&json!({"service": "orders", "fragments": {}, "later": [1]}), true);
    check(&json!({"service": "orders", "fragments": {"checkout": {}}}), true);
    check(&json!({"service": "orders", "draft": true}), true);
    let short = json!({"imports": {"dob": "date", "tags": "list<string>"}});
    check(
        &json!({"service": "orders", "fragments": {"checkout": short}}),
        true,
    );
    let full = json!({"service": "orders", "fragments": {"checkout": {
        "imports": {"dob": {"type": "date"}, "any": {}, "note": {"type": "string", "default": null}},
        "exports": {"address-line": "map<list<datetime>>", "count": " list < integer > "},
        "provides": ["total"],
        "styles": ["css/checkout.css"],
        "scripts": ["/a.js", "https://cdn.example/b.js"],
    }}});
    check(&full, true);
    let ask = json!({"service": "basket", "ref": "items"});
    let full_ask = json!({"service": "basket", "ref": "items", "imports": {"user": "any"},
        "exports": {"count": "integer"}, "required": true, "pages": ["a.html", "b.html"]});
    check(&json!({"service": "orders", "asks": [ask, full_ask]}), true);
}

#[test]
fn schema_and_types_refuse_the_same_contracts() {
    let fragment = |fragment: Value| json!({"service": "orders", "fragments": {"checkout": fragment}});
    check(&json!({}), false);
    check(&json!([]), false);
    check(&json!({"service": 1}), false);
    check(&json!({"service": "orders", "fragments": []}), false);
    check(&fragment(json!("")), false);
    check(&fragment(json!({"imports": ["dob"]})), false);
    check(&fragment(json!({"imports": {"dob": "Date"}})), false);
    check(&fragment(json!({"imports": {"dob": 1}})), false);
    check(&json!({"service": "orders", "draft": "yes"}), false);
    check(&fragment(json!({"imports": {"dob": {"type": "Date"}}})), false);
    check(&fragment(json!({"exports": {"dob": {"type": "date"}}})), false);
    check(&fragment(json!({"exports": {"dob": "set<date>"}})), false);
    check(&fragment(json!({"provides": {"total": true}})), false);
    check(&fragment(json!({"provides": [1]})), false);
    let asks = |ask: Value| json!({"service": "orders", "asks": [ask]});
    check(&asks(json!("checkout")), false);
    check(&asks(json!({"service": "basket"})), false);
    check(
        &asks(json!({"service": "basket", "ref": "items", "imports": ["user"]})),
        false,
    );
    check(
        &asks(json!({"service": "basket", "ref": "items", "exports": {"count": "int"}})),
        false,
    );
    check(
        &asks(json!({"service": "basket", "ref": "items", "pages": "a.html"})),
        false,
    );
    check(
        &asks(json!({"service": "basket", "ref": "items", "required": 1})),
        false,
    );
    check(&fragment(json!({"styles": "a.css"})), false);
    check(&fragment(json!({"scripts": [null]})), false);
}
