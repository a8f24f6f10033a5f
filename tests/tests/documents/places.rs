//! The files and folders that documents name are there.

use std::fs;

use hydra_tests::{markdown::files, workspace};

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

#[test]
fn every_path_that_a_document_names_is_there() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for page in files("md") {
        // It says what was there, too.
        if page.ends_with("CHANGELOG.md") {
            continue;
        }
        let text = fs::read_to_string(&page).expect("a page");
        // Blocks of code would make pairs of other backticks.
        let text = text.replace("```", "");
        for path in named(&text) {
            checked += 1;
            if !workspace().join(path).exists() {
                wrong.push(format!("{}: {path}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked >= 40, "only {checked} paths were found");
}
