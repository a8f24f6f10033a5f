//! The examples of `hydra-compile explain`: the bad one breaks its rule and no other, the good one is clean.

use std::fs;

use hydra_compile::{
    Input, Options, compile,
    explain::{self, File},
    problem::Code,
    read::{self, InputPaths, Progress},
};

/// Writes the files of an example and reads them as a site. Contracts are given if the example has any.
fn input(code: Code, files: &[File]) -> Input {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        let bytes = if code == Code::NotUtf8 {
            latin1(text)
        } else {
            text.clone().into_bytes()
        };
        fs::write(path, bytes).expect("a file");
    }
    let contracts = Some(folder.path().join("contracts")).filter(|contracts| contracts.is_dir());
    let places = InputPaths {
        templates: vec![folder.path().to_owned()],
        contracts,
        rust: Some(folder.path().join("src")).filter(|rust| rust.is_dir()),
    };
    read::read(&places, Options::default(), &Progress::default()).expect("an example that can be read")
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|character| u8::try_from(character).expect("a letter of Latin-1"))
        .collect()
}

/// The codes and messages of all problems.
fn found(code: Code, files: &[File]) -> Vec<(&'static str, String)> {
    let problems = compile(&input(code, files)).problems;
    problems
        .into_iter()
        .map(|problem| (problem.code.name(), problem.message))
        .collect()
}

#[test]
fn every_bad_example_breaks_its_rule_and_no_other() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let found = found(*code, &explain::examples(*code).0);
        if found.len() != 1 || found[0].0 != code.name() {
            wrong.push((code.name(), found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_good_example_is_clean() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let found = found(*code, &explain::examples(*code).1);
        if !found.is_empty() {
            wrong.push((code.name(), found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
