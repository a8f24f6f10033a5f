//! Each folder of `fixtures/problem` holds one fault, and its snapshot is what the user sees.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use hydra_compile::{
    Input, Options, compile,
    problem::{Code, Problem},
    read::{self, InputPaths, Progress},
    report::{self, Findings, Format, ReportStyle},
};

/// Folders that show another side of a rule than the one named like it.
const MORE: [(&str, Code); 10] = [
    ("mode-conflict-in-fallback", Code::ModeConflict),
    ("action-in-fallback", Code::MisplacedAction),
    ("action-in-page", Code::MisplacedAction),
    ("action-in-table", Code::MisplacedAction),
    ("form-in-form-of-file", Code::FormInForm),
    ("form-in-form-of-layout", Code::FormInForm),
    ("form-shadowed", Code::ReservedName),
    ("duplicate-action-of-pages", Code::DuplicateAction),
    ("duplicate-action-of-include", Code::DuplicateAction),
    ("form-passed-on", Code::ReservedName),
];

fn problems_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/problem")
}

/// The names of all folders, sorted.
fn folders() -> Vec<String> {
    let entries = fs::read_dir(problems_folder()).expect("the fixtures");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    names.sort();
    names
}

fn input(name: &str) -> Input {
    let folder = problems_folder().join(name);
    let contracts = Some(folder.join("contracts")).filter(|contracts| contracts.is_dir());
    let places = InputPaths {
        templates: vec![folder.clone()],
        contracts,
        rust: Some(folder.join("src")).filter(|rust| rust.is_dir()),
    };
    let mut input =
        read::read(&places, Options::default(), &Progress::default()).expect("a fixture that can be read");
    for source in &mut input.sources {
        // The report must not depend on where the repository lies.
        let shown = source
            .path
            .strip_prefix(&folder)
            .expect("a file of the fixture")
            .to_path_buf();
        source.path = shown;
    }
    input
}

fn report(input: &Input) -> String {
    rendered(input, &compile(input).problems, Format::Human)
}

fn rendered(input: &Input, problems: &[Problem], format: Format) -> String {
    let findings = Findings {
        problems,
        sources: &input.sources,
        templates: input.templates,
    };
    report::render(
        findings,
        format,
        ReportStyle {
            width: 80,
            color: false,
            unicode: true,
        },
    )
}

/// The first `file:line:column` in a report for people.
fn first_place(human: &str) -> &str {
    let start = human.find("─[").expect("a snippet") + "─[".len();
    &human[start..start + human[start..].find(']').expect("its end")]
}

/// A report begins with the lines of its first label, whatever else it marks.
#[test]
fn all_formats_name_the_same_place_first() {
    let mut several = 0;
    for name in folders() {
        let input = input(&name);
        for problem in compile(&input).problems {
            several += usize::from(problem.labels.len() > 1);
            let problems = [problem];
            let human = rendered(&input, &problems, Format::Human);
            let place = first_place(&human);
            let short = rendered(&input, &problems, Format::Short);
            assert!(
                short.starts_with(&format!("{place}: ")),
                "{name}: {place} {short}"
            );
            let json: Value = serde_json::from_str(&rendered(&input, &problems, Format::Json)).expect("JSON");
            let label = &json["problems"][0]["labels"][0];
            let of_json = format!(
                "{}:{}:{}",
                label["file"].as_str().expect("a file"),
                label["line"],
                label["column"]
            );
            assert_eq!(of_json, place, "{name}");
            let sarif: Value =
                serde_json::from_str(&rendered(&input, &problems, Format::Sarif)).expect("JSON");
            let at = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
            let line = &at["region"]["startLine"];
            let line_of_human = place.rsplit(':').nth(1).expect("a line");
            assert_eq!(line.to_string(), line_of_human, "{name}");
        }
    }
    assert!(several > 10, "{several}");
}

#[test]
fn every_code_has_a_folder_and_every_folder_a_code() {
    let mut expected: Vec<String> = Code::ALL.iter().map(|code| code.name().to_owned()).collect();
    expected.push("many".to_owned());
    expected.extend(MORE.map(|(name, _)| name.to_owned()));
    expected.sort();
    assert_eq!(folders(), expected);
}

#[test]
fn fixtures_are_sentences() {
    for name in folders() {
        for source in input(&name).template_sources() {
            let lines = source.text.lines().count();
            assert!(
                (1..=20).contains(&lines),
                "{name}/{} has {lines} lines",
                source.name
            );
        }
    }
}

#[test]
fn every_fixture_is_reported_as_users_see_it() {
    for name in folders() {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name.clone(), report(&input(&name)));
        });
    }
}

#[test]
fn every_fixture_shows_its_own_fault_and_no_other() {
    let folders = Code::ALL.iter().map(|code| (code.name(), *code)).chain(MORE);
    for (name, code) in folders {
        let problems = compile(&input(name)).problems;
        let found: Vec<&str> = problems.iter().map(|problem| problem.code.name()).collect();
        assert_eq!(found, [code.name()], "fixtures/problem/{name}");
    }
}

#[test]
fn a_folder_of_many_mistakes_reports_many() {
    let problems = compile(&input("many")).problems;
    let mut codes: Vec<Code> = problems.iter().map(|problem| problem.code).collect();
    codes.sort();
    codes.dedup();
    assert!(codes.len() >= 5, "{codes:?}");
}

#[test]
fn the_readme_shows_a_report_as_it_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(folder.join("README.md")).expect("a README");
    let snapshot =
        fs::read_to_string(folder.join("tests/snapshots/export-conflict.snap")).expect("a snapshot");
    let report = snapshot.splitn(3, "---\n").nth(2).expect("a report").trim_end();
    assert!(readme.contains(report), "{report}");
}
