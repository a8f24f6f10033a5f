//! References to the specification resolve: "design section 3.4" in a comment is a heading of `docs/design.md`, "protocol section 6" one of
//! `docs/wire-protocol.md`, and each link between Markdown files leads to a file, and to a heading of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use hydra_tests::markdown::{files, headings};

use super::document;

/// The numbers of the headings: `## 3. Templates` and `### 3.1 What counts as a tag`.
fn numbers(path: &str) -> BTreeSet<String> {
    let page = document(path);
    let first = headings(&page)
        .into_iter()
        .filter_map(|heading| heading.split_whitespace().next());
    let numbers = first.map(|word| word.trim_end_matches('.').to_owned());
    numbers
        .filter(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        .collect()
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
        ("design section", numbers("docs/design.md")),
        ("protocol section", numbers("docs/wire-protocol.md")),
    ];
    let mut checked = 0;
    let mut wrong = Vec::new();
    for file in files("rs").iter().chain(&files("md")) {
        if file.ends_with("references.rs") {
            continue;
        }
        let text = fs::read_to_string(file).expect("a source file");
        for (phrase, numbers) in &documents {
            for number in referred(&text, phrase) {
                checked += 1;
                if !numbers.contains(&number) {
                    wrong.push(format!("{}: {phrase} {number}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked >= 40, "only {checked} references were found");
}

/// The anchor of a heading, as code hosts make it: lower case, hyphens for spaces, and no other punctuation.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|of| of.is_alphanumeric() || matches!(of, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase)
        .map(|of| if of == ' ' { '-' } else { of })
        .collect()
}

/// The links of a page that lead to files of the repository, each with its anchor, which may be empty.
fn links(page: &str) -> impl Iterator<Item = (&str, &str)> {
    let links = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local = links.filter(|link| !link.is_empty() && !link.contains([':', ' ', '`']));
    local.map(|link| link.split_once('#').unwrap_or((link, "")))
}

/// What is wrong with the links of one file.
fn broken(file: &Path, anchors: &BTreeMap<PathBuf, BTreeSet<String>>) -> Vec<String> {
    let page = fs::read_to_string(file).expect("a document");
    let folder = file.parent().expect("a folder");
    let mut wrong = Vec::new();
    for (target, anchor) in links(&page) {
        let path = if target.is_empty() {
            file.to_owned()
        } else {
            folder.join(target)
        };
        let Ok(path) = path.canonicalize() else {
            wrong.push(format!("{}: there is no file {target}", file.display()));
            continue;
        };
        let known = anchors.get(&path).is_none_or(|known| known.contains(anchor));
        if !anchor.is_empty() && !known {
            wrong.push(format!("{}: {target} has no heading #{anchor}", file.display()));
        }
    }
    wrong
}

#[test]
fn every_link_between_documents_leads_to_a_file_and_a_heading() {
    let pages = files("md");
    let anchors = pages.iter().map(|file| {
        let page = fs::read_to_string(file).expect("a document");
        let anchors = headings(&page).into_iter().map(anchor).collect();
        (file.canonicalize().expect("a path"), anchors)
    });
    let anchors: BTreeMap<PathBuf, BTreeSet<String>> = anchors.collect();
    let wrong: Vec<String> = pages.iter().flat_map(|file| broken(file, &anchors)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_page_of_the_documentation_is_in_its_index() {
    let index = document("docs/README.md");
    let listed: BTreeSet<&str> = links(&index).map(|(target, _)| target).collect();
    let docs = hydra_tests::workspace().join("docs");
    let pages = files("md");
    let missing: Vec<_> = pages
        .iter()
        .filter_map(|page| page.strip_prefix(&docs).ok()?.to_str())
        .filter(|page| *page != "README.md" && !listed.contains(page))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
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

#[test]
fn an_anchor_is_made_as_code_hosts_make_it() {
    for (heading, expected) in [
        ("Write your own", "write-your-own"),
        ("3.1 What counts as a tag", "31-what-counts-as-a-tag"),
        ("Show a fragment: `<m:fragment>`", "show-a-fragment-mfragment"),
        ("`hydra serve`: `[serve]`", "hydra-serve-serve"),
        ("The site's own error pages", "the-sites-own-error-pages"),
    ] {
        assert_eq!(anchor(heading), expected, "{heading}");
    }
}
