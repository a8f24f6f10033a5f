mod captures;
mod contracts;
mod forms;
mod hostile;
mod markup;
mod page_forms;
mod random;
mod reading;
mod rust_structs;
mod size;
mod structure;
mod warnings;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    input::{KnownContract, Options},
    page_type::PageType,
    problem::Severity,
    site::Site,
    source::{Source, SourceId},
};

use super::*;

/// The contracts, page types and options of a test.
#[derive(Default)]
pub(super) struct Around {
    pub(super) contracts: Vec<(&'static str, &'static str)>,
    pub(super) contracts_given: bool,
    pub(super) page_types: Vec<PageType>,
    pub(super) options: Options,
}

/// Checks templates, and gives the problems in full.
pub(super) fn problems_of(files: &[(&str, &str)], around: &Around) -> (Vec<Source>, Vec<Problem>) {
    let sources: Vec<Source> = files
        .iter()
        .map(|(name, text)| Source::new(*name, *name, *text))
        .collect();
    let (site, mut local) = Site::parse(&sources, &BTreeSet::new());
    let contracts: BTreeMap<_, _> = around
        .contracts
        .iter()
        .map(|(service, json)| {
            let contract = serde_json::from_str(json).expect("a contract");
            (
                (*service).to_owned(),
                KnownContract {
                    source: SourceId(9_000),
                    contract,
                },
            )
        })
        .collect();
    let known = SiteContext {
        contracts: &contracts,
        contracts_given: around.contracts_given,
        page_types: &around.page_types,
        options: &around.options,
    };
    let (mut problems, _) = check(&site, &mut local, &known, CheckGoal::Site, None);
    problems.extend(local);
    sort(&mut problems);
    (sources, problems)
}

/// Checks templates: one line a problem, `file:line:column code message`. Warnings only with a `?`.
pub(super) fn check_all(files: &[(&str, &str)], around: &Around) -> Vec<String> {
    let (sources, problems) = problems_of(files, around);
    let lines = problems.iter().map(|problem| {
        let location = problem.labels[0].location;
        let source = &sources[location.source.0 as usize];
        let at = source.line_column(location.span.start);
        format!(
            "{}:{}:{} {} {}",
            source.name,
            at.line,
            at.column,
            problem.code.name(),
            problem.message
        )
    });
    lines.collect()
}

/// The codes of the errors, or of the warnings, of one file's check.
pub(super) fn codes(text: &str, severity: Severity) -> Vec<&'static str> {
    let (_, problems) = problems_of(
        &[("page.html", text)],
        &Around {
            contracts_given: true,
            ..Around::default()
        },
    );
    let skipped = [Code::UnknownService, Code::UnknownRef];
    let of = problems
        .iter()
        .filter(|problem| problem.code.severity() == severity && !skipped.contains(&problem.code));
    of.map(|problem| problem.code.name()).collect()
}

#[test]
fn exports_that_can_both_come_are_in_conflict() {
    let a = "<m:fragment service='a' ref='a' exports='x'>-</m:fragment>";
    let b = "<m:fragment service='b' ref='b' exports='y as x'>-</m:fragment>";
    for (text, expected) in [
        (format!("{a}{b}"), 1),
        (format!("{a}{a}{b}"), 2),
        (format!("{{% if p %}}{a}{{% else %}}{b}{{% endif %}}"), 0),
        (format!("{{% if p %}}{a}{{% elif q %}}{b}{{% endif %}}"), 0),
        (format!("{{% if p %}}{a}{{% endif %}}{b}"), 1),
        (
            format!("{{% if p %}}{a}{{% endif %}}{{% if p %}}{b}{{% endif %}}"),
            1,
        ),
        (
            format!("{{% if p %}}{{% if q %}}{a}{{% endif %}}{b}{{% else %}}{b}{{% endif %}}"),
            1,
        ),
        (
            format!("<m:fragment service='a' ref='a' exports='x'>{b}</m:fragment>"),
            0,
        ),
        (format!("<m:fragment service='a' ref='a'>{a}</m:fragment>{b}"), 1),
        (format!("{{% raw %}}{a}{{% endraw %}}{b}<!-- {a} -->"), 0),
    ] {
        let found = codes(&format!("{text}{{{{ x }}}}"), Severity::Error);
        assert_eq!(found, vec!["export-conflict"; expected], "{text}");
    }
}

#[test]
fn the_report_shows_both_tags_and_a_free_alias() {
    let text = "<html m:attributes=\"billingAddress\">
<m:fragment service=\"orderService\" ref=\"checkout\" exports=\"postalZip, addressLine2 as address\">-</m:fragment>
<m:fragment service=\"billing\" ref=\"invoice\" exports=\"address\">-</m:fragment>
{{ address }}{{ postalZip }}{{ billingAddress }}</html>";
    let (_, problems) = problems_of(&[("page.html", text)], &Around::default());
    let problem = problems
        .iter()
        .find(|problem| problem.code == Code::ExportConflict)
        .expect("a conflict");
    assert_eq!(problem.message, "`address` reaches this page twice");
    let labels: Vec<_> = problem.labels.iter().map(|label| label.text.as_ref()).collect();
    assert_eq!(
        labels,
        [
            "`invoice` of `billing` exports it here again",
            "`checkout` of `orderService` exports it here"
        ]
    );
    let help = "give one of them another name: `exports=\"address as billingServiceAddress\"`";
    assert_eq!(problem.help.as_deref(), Some(help));
}

#[test]
fn parents_and_includes_are_part_of_the_page() {
    let found = check_all(
        &[
            (
                "base.html",
                "{% include \"side.html\" %}{% block a %}{% endblock %}{{ x }}",
            ),
            (
                "page.html",
                "{% extends \"base.html\" %}{% block a %}<m:fragment service='b' ref='b' exports='x'>-</m:fragment>{% endblock %}",
            ),
            (
                "side.html",
                "<m:fragment service='a' ref='a' exports='x'>-</m:fragment>",
            ),
        ],
        &Around {
            contracts_given: true,
            ..Around::default()
        },
    );
    let conflicts: Vec<_> = found
        .iter()
        .filter(|line| line.contains("export-conflict"))
        .collect();
    assert_eq!(
        conflicts,
        ["page.html:1:80 export-conflict `x` reaches this page twice"]
    );
}

#[test]
fn an_export_must_not_shadow_what_the_page_has() {
    let tag = "<m:fragment service='a' ref='a' exports='x'>-</m:fragment>";
    for (text, expected) in [
        (
            format!("<html m:attributes='x: string'>{tag}{{{{ x }}}}</html>"),
            1,
        ),
        (format!("{{% set x = 1 %}}{tag}{{{{ x }}}}"), 1),
        (format!("{tag}{{{{ x }}}}{{% set x = 1 %}}"), 1),
        (
            format!("{{% for x in [1] %}}{{{{ x }}}}{{% endfor %}}{tag}{{{{ x }}}}"),
            0,
        ),
        (
            format!("<html m:attributes='y'>{tag}{{{{ x }}}}{{{{ y }}}}</html>"),
            0,
        ),
    ] {
        assert_eq!(
            codes(&text, Severity::Error),
            vec!["export-shadows-attribute"; expected],
            "{text}"
        );
    }
}

#[test]
fn an_import_must_come_from_somewhere() {
    let tag = "<m:fragment service='a' ref='a' imports='x'>-</m:fragment>";
    let stated = |body: &str| format!("<html m:attributes='y'>{{{{ y }}}}{body}</html>");
    for (text, expected) in [
        (stated(tag), 1),
        (tag.to_owned(), 0),
        (stated(&format!("{{% set x = 1 %}}{tag}")), 0),
        (stated(&format!("{{% for x in y %}}{tag}{{% endfor %}}")), 0),
        (stated(&format!("{{% for x in y %}}{{% endfor %}}{tag}")), 1),
        (
            stated(&format!("{{% for z in y %}}{{% set x = z %}}{{% endfor %}}{tag}")),
            1,
        ),
        (
            stated(&format!("{{% if y %}}{{% set x = 1 %}}{{% endif %}}{tag}")),
            0,
        ),
        (
            stated(&format!(
                "{tag}<m:fragment service='b' ref='b' exports='x'>-</m:fragment>"
            )),
            0,
        ),
        (format!("{{% component card(x) %}}{tag}{{% endcomponent %}}"), 0),
        (format!("{{% component card(y) %}}{tag}{{% endcomponent %}}"), 1),
        (
            stated("<m:fragment service='a' ref='a' imports='y.id as id'>-</m:fragment>"),
            0,
        ),
    ] {
        assert_eq!(
            codes(&text, Severity::Error),
            vec!["unknown-import"; expected],
            "{text}"
        );
    }
}

#[test]
fn a_list_names_each_once() {
    for (text, expected) in [
        (
            "<m:fragment service='a' ref='a' exports='x, y as x'>-</m:fragment>{{ x }}",
            vec!["duplicate-export"],
        ),
        (
            "<m:fragment service='a' ref='a' imports='x, y as x'>-</m:fragment>",
            vec!["duplicate-import"],
        ),
        (
            "<m:fragment service='a' ref='a' imports='x, x as y'>-</m:fragment>",
            vec![],
        ),
    ] {
        assert_eq!(codes(text, Severity::Error), expected, "{text}");
    }
}

#[test]
fn three_mistakes_three_reports() {
    let found = check_all(
        &[
            ("a.html", "<m:fragment service='a'>-</m:fragment>"),
            ("b.html", "{{ user name }}"),
            (
                "c.html",
                "<html m:attributes='y'>{{ y }}<m:fragment service='a' ref='a' imports='z'>-</m:fragment></html>",
            ),
        ],
        &Around {
            contracts: vec![("a", r#"{"service":"a","fragments":{"a":{"imports":{"z":{}}}}}"#)],
            contracts_given: true,
            ..Around::default()
        },
    );
    assert_eq!(
        found,
        [
            "a.html:1:1 missing-ref this fragment does not say which one it is",
            "b.html:1:9 template-syntax Tera can't read this: `}}` is missing before this name",
            "c.html:1:72 unknown-import nothing on this page provides `z`",
        ]
    );
}
