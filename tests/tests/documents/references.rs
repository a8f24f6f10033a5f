//! References to the specification resolve: "design section 3.4" in a comment is a heading of `docs/design.md`, "protocol section 6" one of
//! `docs/wire-protocol.md`, and each link between Markdown files leads to a file.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files below `folder` with this extension, without those of builds.
fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|of| of == extension) {
            found.push(path);
        }
    }
}

fn all(extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root(), extension, &mut found);
    found
}

/// The numbers of the headings: `## 3. Templates` and `### 3.1 What counts as a tag`.
fn headings(document: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("docs").join(document)).expect("the document");
    let headings = text.lines().filter(|line| line.starts_with("##"));
    let number = |line: &str| Some(line.split_whitespace().nth(1)?.trim_end_matches('.').to_owned());
    headings.filter_map(number).collect()
}

/// The section numbers that follow `phrase` in the text, across line breaks of comments.
fn referred(text: &str, phrase: &str) -> Vec<String> {
    let words: Vec<&str> = text
        .split_whitespace()
        .filter(|word| !matches!(*word, "//" | "///" | "//!"))
        .collect();
    let joined = words.join(" ");
    let mut numbers = Vec::new();
    for (at, _) in joined.match_indices(phrase) {
        let rest = &joined[at + phrase.len()..];
        let rest = rest.strip_prefix('s').unwrap_or(rest).trim_start();
        // "sections 1 and 6" names two.
        for part in rest.split(" and ").take(2) {
            let digits: String = part
                .chars()
                .take_while(|of| of.is_ascii_digit() || *of == '.')
                .collect();
            let number = digits.trim_end_matches('.');
            if number.is_empty() {
                break;
            }
            numbers.push(number.to_owned());
            if part.len() != digits.len() {
                break;
            }
        }
    }
    numbers
}

#[test]
fn every_reference_to_the_specification_resolves() {
    let documents = [
        ("design section", headings("design.md")),
        ("protocol section", headings("wire-protocol.md")),
    ];
    let mut checked = 0;
    let mut wrong = Vec::new();
    for file in all("rs") {
        if file.ends_with("documents.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).expect("a source file");
        for (phrase, headings) in &documents {
            for number in referred(&text, phrase) {
                checked += 1;
                if !headings.contains(&number) {
                    wrong.push(format!("{}: {phrase} {number}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked >= 40, "only {checked} references were found");
}

#[test]
fn every_link_between_documents_leads_to_a_file() {
    let mut wrong = Vec::new();
    for file in all("md") {
        let text = fs::read_to_string(&file).expect("a document");
        let folder = file.parent().expect("a folder");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            let is_file = !target.is_empty() && !target.contains([':', ' ', '`']);
            if is_file && !folder.join(target).exists() {
                wrong.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_numbers_of_a_reference_are_found() {
    for (text, expected) in [
        ("(design section 3.4).", vec!["3.4"]),
        ("(design\n//! section 6, Weights)", vec!["6"]),
        ("design sections 1 and 6.", vec!["1", "6"]),
        ("design section 5: only", vec!["5"]),
        ("a design section", vec![]),
    ] {
        assert_eq!(referred(text, "design section"), expected, "{text}");
    }
}
