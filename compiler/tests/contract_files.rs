//! What users see of contract files that are wrong: the whole reports.

use std::fs;

use hydra_compile::{
    Options, compile,
    read::{self, InputPaths, Progress},
    report::{self, Findings, Format, ReportStyle},
};

/// The whole report on a page that embeds `basket` of `orders`, with this contract file.
fn reported(name: &str, contract: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("templates")).expect("a folder");
    fs::create_dir(folder.path().join("contracts")).expect("a folder");
    let page = "<html m:attributes=\"size: string\">\n<m:fragment service=\"orders\" ref=\"basket\" imports=\"size\">-</m:fragment>\n</html>\n";
    fs::write(folder.path().join("templates/page.html"), page).expect("a file");
    fs::write(folder.path().join("contracts").join(name), contract).expect("a file");
    let places = InputPaths {
        templates: vec![folder.path().join("templates")],
        contracts: Some(folder.path().join("contracts")),
        rust: None,
    };
    let mut input = read::read(&places, Options::default(), &Progress::default()).expect("input");
    for source in &mut input.sources {
        source.path = source
            .path
            .strip_prefix(folder.path())
            .expect("inside")
            .to_owned();
    }
    let problems = compile(&input).problems;
    let findings = Findings {
        problems: &problems,
        sources: &input.sources,
        templates: input.templates,
    };
    let style = ReportStyle {
        width: 100,
        color: false,
        unicode: true,
    };
    report::render(findings, Format::Human, style)
}

const RIGHT: &str = "{\n  \"service\": \"orders\",\n  \"fragments\": {\n    \"basket\": {\"imports\": {\"size\": \"string\"}}\n  }\n}\n";

#[test]
fn what_is_wrong_is_shown_at_its_place() {
    let cases = [
        ("right", "orders.json", RIGHT.to_owned()),
        (
            "unknown members pass",
            "orders.json",
            RIGHT.replace("{\"imports\"", "{\"since\": 3, \"imports\""),
        ),
        (
            "import",
            "orders.json",
            RIGHT.replace("\"imports\"", "\"import\""),
        ),
        (
            "fragment",
            "orders.json",
            RIGHT.replace("\"fragments\"", "\"fragment\""),
        ),
        (
            "typ",
            "orders.json",
            RIGHT.replace("\"string\"", "{\"typ\": \"string\"}"),
        ),
        (
            "export",
            "orders.json",
            RIGHT.replace("{\"imports\"", "{\"export\": {\"a\": \"string\"}, \"imports\""),
        ),
        ("strng", "orders.json", RIGHT.replace("\"string\"", "\"strng\"")),
        (
            "a long type",
            "orders.json",
            RIGHT.replace("\"string\"", "{\"type\": \"lst<string>\"}"),
        ),
        (
            "a number as type",
            "orders.json",
            RIGHT.replace("\"string\"", "7"),
        ),
        (
            "a list of imports",
            "orders.json",
            RIGHT.replace("{\"size\": \"string\"}", "[\"size\"]"),
        ),
        (
            "no service",
            "orders.json",
            RIGHT.replace("\"service\"", "\"servce\""),
        ),
        ("another file name", "order.json", RIGHT.to_owned()),
        (
            "not JSON",
            "orders.json",
            RIGHT.replace("\"orders\",", "\"orders\""),
        ),
    ];
    let reports = cases.map(|(what, name, contract)| {
        assert!(
            what == "right" || what.contains("name") || contract != RIGHT,
            "{what}"
        );
        format!("## {what}\n{}", reported(name, &contract))
    });
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("contract-files", reports.join("\n"));
    });
}
