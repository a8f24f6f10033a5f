//! `docs/reference/metrics.md` lists every metric of the sources with its labels, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use hydra_tests::markdown::{files, rows};

use super::{code, document, is_test};

/// A metric's name with the labels that a macro gives it.
type Metrics = BTreeMap<String, BTreeSet<String>>;

/// The metrics that a source file makes: names that stand first in parentheses, as in `counter!("hydra_pages_total", …)`.
fn made(text: &str, found: &mut Metrics) {
    for (at, _) in text.match_indices("\"hydra_") {
        let before = text[..at].trim_end();
        let rest = &text[at + 1..];
        let Some((name, rest)) = rest
            .split_once('"')
            .filter(|(name, _)| before.ends_with('(') && is_name(name))
        else {
            continue;
        };
        let labels = found.entry(name.to_owned()).or_default();
        let arguments = rest.split(')').next().unwrap_or_default();
        let labelled = arguments.split("=>").collect::<Vec<_>>();
        let names = labelled
            .iter()
            .rev()
            .skip(1)
            .filter_map(|part| part.rsplit('"').nth(1));
        labels.extend(names.map(str::to_owned));
    }
}

fn is_name(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn of_sources() -> Metrics {
    let mut found = Metrics::new();
    let runtime = hydra_tests::workspace().join("runtime");
    for file in files("rs")
        .iter()
        .filter(|file| file.starts_with(&runtime) && !is_test(file))
    {
        made(&fs::read_to_string(file).expect("a source file"), &mut found);
    }
    found
}

#[test]
fn every_metric_is_listed_with_its_labels_and_every_listed_one_is_there() {
    let made = of_sources();
    let mut listed = Metrics::new();
    for row in rows(&document("docs/reference/metrics.md")) {
        let Some(name) = code(&row.cells[0]).filter(|name| name.starts_with("hydra_")) else {
            continue;
        };
        let labels = row.cells[2].split('`').skip(1).step_by(2).map(str::to_owned);
        listed.insert(name.to_owned(), labels.collect());
    }
    let names = |metrics: &Metrics| metrics.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&listed), names(&made));
    for (name, labels) in made {
        let missing: Vec<_> = labels.difference(&listed[&name]).collect();
        assert!(missing.is_empty(), "{name} has the labels {missing:?} too");
    }
}

#[test]
fn metrics_are_found_with_their_labels() {
    let mut found = Metrics::new();
    made(
        "counter!(\"hydra_a_total\", \"reason\" => \"room\").x(); key(\n  \"hydra_b\"); [\"hydra_path\"]; contains(\"hydra_a_total 3\")",
        &mut found,
    );
    let expected = [
        ("hydra_a_total".to_owned(), BTreeSet::from(["reason".to_owned()])),
        ("hydra_b".to_owned(), BTreeSet::new()),
    ];
    assert_eq!(found, Metrics::from(expected));
}
