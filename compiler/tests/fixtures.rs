//! Each folder of `fixtures/problem` holds one fault, and its snapshot is what the user sees.

use std::{
    fs,
    path::{Path, PathBuf},
};

use hydra_compile::{
    Input, Options, compile,
    problem::Code,
    read::{self, InputPaths, Progress},
    report::{self, Findings, Format, ReportStyle},
};

/// Folders that show another side of a rule than the one named like it.
const MORE: [(&str, Code); 1] = [("mode-conflict-in-fallback", Code::ModeConflict)];

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
    let problems = compile(input).problems;
    let findings = Findings {
        problems: &problems,
        sources: &input.sources,
        templates: input.templates,
    };
    report::render(
        findings,
        Format::Human,
        ReportStyle {
            width: 80,
            color: false,
            unicode: true,
        },
    )
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
