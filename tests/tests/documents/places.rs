//! The files and folders that documents and comments name are there, and the types of the glossary in them.

use std::{fs, path::Path};

use hydra_tests::{
    markdown::{files, rows},
    workspace,
};

use super::document;

/// Texts in backticks that begin so are paths of the repository.
const ROOTS: [&str; 8] = [
    "compiler/",
    "docs/",
    "fixtures/",
    "macros/",
    "runtime/",
    "tests/",
    ".ci/",
    ".cargo/",
];

/// The paths in a text: in backticks, without marks that stand for many.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let codes = text.split('`').skip(1).step_by(2);
    let paths = codes.filter(|code| ROOTS.iter().any(|root| code.starts_with(root)));
    paths.filter(|path| !path.contains(['<', '*', ' ', '{', '…', '\n']))
}

/// The paths of a text that lead nowhere, and how many were looked for.
fn missing(file: &Path, text: &str) -> (usize, Vec<String>) {
    let paths: Vec<&str> = named(text).collect();
    let missing = paths.iter().filter(|path| !workspace().join(path).exists());
    let missing = missing.map(|path| format!("{}: {path}", file.display()));
    (paths.len(), missing.collect())
}

/// The comments of a Rust file, each line by itself.
fn comments(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim_start);
    lines.filter(|line| line.starts_with("//"))
}

#[test]
fn every_path_that_a_document_or_a_comment_names_is_there() {
    let (mut checked, mut wrong) = (0, Vec::new());
    let mut check = |file: &Path, text: &str| {
        let (count, missing) = missing(file, text);
        checked += count;
        wrong.extend(missing);
    };
    // The changelog names what is gone, too.
    for page in files("md").iter().filter(|page| !page.ends_with("CHANGELOG.md")) {
        let text = fs::read_to_string(page).expect("a page");
        // The marks of blocks would make pairs with other backticks.
        check(page, &text.replace("```", ""));
    }
    for file in files("rs") {
        let text = fs::read_to_string(&file).expect("a source file");
        comments(&text).for_each(|line| check(&file, line));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked >= 80, "only {checked} paths were found");
}

#[test]
fn every_type_that_the_glossary_names_is_in_its_file() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for row in rows(&document("docs/glossary.md")) {
        let quoted: Vec<&str> = row.cells[2].split('`').skip(1).step_by(2).collect();
        if let [name, file] = quoted[..] {
            checked += 1;
            let text = fs::read_to_string(workspace().join(file)).expect("a file that the glossary names");
            // A name ends where no letter follows.
            let is_name = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric());
            let is_there = ["struct ", "enum ", "trait "].iter().any(|kind| {
                let definition = format!("{kind}{name}");
                text.match_indices(&definition)
                    .any(|(at, found)| is_name(&text[at + found.len()..]))
            });
            if !is_there {
                wrong.push(format!("`{name}` in {file}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked >= 20, "only {checked} types were found");
}
