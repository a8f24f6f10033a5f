//! The table in `docs/guide/from-other-engines.md`: the help of each row's report names how it is written here.

use std::{fs, path::Path};

use hydra_compile::{Input, compile, problem::Severity, source::Source};

/// A row of the table: what is written there and here, and what the help names.
struct Row {
    there: String,
    here: String,
    named: String,
}

fn rows() -> Vec<Row> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/from-other-engines.md");
    let page = fs::read_to_string(page).expect("the page of the guide");
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'));
    rows.map(|row| {
        let mut codes = row
            .split('`')
            .skip(1)
            .step_by(2)
            .map(|code| code.replace("\\|", "|"));
        let mut next = || codes.next().expect("three pieces of code in a row");
        Row {
            there: next(),
            here: next(),
            named: next(),
        }
    })
    .collect()
}

fn check(text: &str) -> Vec<hydra_compile::problem::Problem> {
    let sources = vec![Source::new("page.html", "page.html", text.to_owned())];
    compile(&Input {
        sources,
        templates: 1,
        ..Input::default()
    })
    .problems
}

#[test]
fn the_help_says_how_it_is_written_here() {
    let rows = rows();
    assert!(rows.len() > 100, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for Row { there, named, .. } in &rows {
        let problems = check(there);
        let helps: Vec<_> = problems
            .iter()
            .filter_map(|problem| problem.help.as_deref())
            .collect();
        if !helps.iter().any(|help| help.contains(named.as_str())) {
            wrong.push(format!("{there}: {helps:?} lacks {named}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// A whole example of the column "here" is right. The others show a part of one, such as a single tag.
#[test]
fn what_is_written_here_is_not_reported() {
    let is_error = |text: &str| {
        check(text)
            .iter()
            .any(|problem| problem.code.severity() == Severity::Error)
    };
    let is_whole = |text: &str| {
        let opened = [
            "{% if",
            "{% for",
            "{% block",
            "{% component",
            "{% set x %}",
            "{% raw",
        ];
        let is_part = opened.iter().any(|open| text.contains(open)) && !text.contains("{% end");
        text.contains('{')
            && !is_part
            && !text.contains("include")
            && !text.contains("extends")
            && !text.contains('<')
    };
    let rows = rows();
    let whole: Vec<_> = rows.iter().filter(|row| is_whole(&row.here)).collect();
    assert!(whole.len() > 50, "{} examples", whole.len());
    let is_lone = |text: &str| {
        ["{% el", "{% end", "super()", "{{ body }}"]
            .iter()
            .any(|lone| text.starts_with(lone))
    };
    for row in whole.iter().filter(|row| !is_lone(&row.here)) {
        assert!(!is_error(&row.here), "{}: {:?}", row.here, check(&row.here));
    }
}
