//! `docs/reference/metrics.md` lists every metric of the sources with its labels, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use hydra_tests::markdown::{files, rows};

use super::{code, document, is_test};

/// The labels of metrics, by name.
type Metrics = BTreeMap<String, BTreeSet<String>>;

/// The metrics that a source file makes: names that stand first in parentheses, as in `counter!("hydra_pages_total", …)`. The labels
/// are those that a macro gives, and those of a description (`.by(…)`). The labels of `Key::from_parts` are compared where programs run.
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
        if ["counter(", "gauge(", "seconds("]
            .iter()
            .any(|kind| before.ends_with(&format!("Described::{kind}")))
        {
            labels.extend(described(rest));
        }
    }
}

/// The labels that the description of a metric states. `rest` follows its name.
fn described(rest: &str) -> Vec<String> {
    let next = rest.find("Described::").unwrap_or(rest.len());
    let Some((_, stated)) = rest[..next].split_once(".by(&[") else {
        return Vec::new();
    };
    let stated = stated.split_once(")])").map_or(stated, |(stated, _)| stated);
    let labels = stated
        .split("(")
        .filter_map(|part| part.trim().strip_prefix('"')?.split_once('"'));
    labels.map(|(label, _)| label.to_owned()).collect()
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
    assert_eq!(listed, made, "the labels");
}

#[test]
fn metrics_are_found_with_their_labels() {
    let mut found = Metrics::new();
    made(
        "counter!(\"hydra_a_total\", \"reason\" => \"room\").x(); key(\n  \"hydra_b\"); [\"hydra_path\"]; contains(\"hydra_a_total 3\")
         Described::counter(\"hydra_c\", \"c\").by(&[(\"way\", &[\"post\", \"get\"]), (\"ref\", &[])]), Described::gauge(\"hydra_d\", \"d\"),
         Described::gauge(\"hydra_e\", \"e\").by(&[(\"cache\", &[\"x\"])])];
         Key::from_parts(\"hydra_c\", labels)",
        &mut found,
    );
    let expected = [
        ("hydra_a_total", &["reason"][..]),
        ("hydra_b", &[]),
        ("hydra_c", &["ref", "way"]),
        ("hydra_d", &[]),
        ("hydra_e", &["cache"]),
    ];
    let owned = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
    let expected = expected.map(|(name, labels)| (name.to_owned(), owned(labels)));
    assert_eq!(found, Metrics::from(expected));
}
