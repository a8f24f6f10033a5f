use super::*;
use crate::{
    problem::Code,
    source::{SourceId, Span},
};

const PLAIN: ReportStyle = ReportStyle {
    width: 80,
    color: false,
    unicode: true,
};

/// The place of `needle`, which `«` and `»` would mark: the first time it stands in the source.
fn at(sources: &[Source], source: u32, needle: &str) -> crate::source::Location {
    let start = sources[source as usize].text.find(needle).expect("in the source");
    Span::new(start, start + needle.len()).at(SourceId(source))
}

fn source(name: &str, text: &str) -> Source {
    Source::new(name, format!("templates/{name}"), text)
}

fn shown(problems: &[Problem], sources: &[Source], style: ReportStyle) -> String {
    human(
        Findings {
            problems,
            sources,
            templates: sources.len(),
        },
        style,
    )
}

/// The report for one label of which nothing but the place matters.
fn one(text: &str, start: usize, end: usize) -> String {
    let sources = [source("a.html", text)];
    let problem = Problem::new(
        Code::TemplateSyntax,
        "this is wrong",
        Span::new(start, end).at(SourceId(0)),
        "here",
    );
    let report = shown(&[problem], &sources, PLAIN);
    assert!(report.contains("here"), "{report}");
    assert!(report.contains("[templates/a.html:"), "{report}");
    report
}

#[test]
fn labels_of_several_files_stand_in_one_report_the_first_file_first() {
    let sources = [
        source("base.html", "<a>\n<b>\n<c>\n"),
        source("page.html", "1\n2\n3\n4\n5\n6 seven\n"),
    ];
    let problem = Problem::new(
        Code::ExportConflict,
        "`address` reaches this page twice",
        at(&sources, 1, "seven"),
        "once here",
    )
    .label(at(&sources, 0, "<b>"), "again here")
    .label(at(&sources, 1, "1"), "and here")
    .help("write `address as orderAddress`");
    let expected = "\
error[export-conflict]

  × `address` reaches this page twice
   ╭─[templates/page.html:6:3]
 5 │ 5
 6 │ 6 seven
   ·   ──┬──
   ·     ╰── once here
   ╰────
   ╭─[templates/page.html:1:1]
 1 │ 1
   · ┬
   · ╰── and here
 2 │ 2
   ╰────
   ╭─[templates/base.html:2:1]
 1 │ <a>
 2 │ <b>
   · ─┬─
   ·  ╰── again here
 3 │ <c>
   ╰────
  help: write `address as orderAddress`

1 error in 2 templates
";
    assert_eq!(shown(&[problem], &sources, PLAIN), expected);
}

#[test]
fn a_report_can_be_ascii_and_can_be_colored() {
    let sources = [source("a.html", "<p>é</p>\n")];
    let problem = [Problem::new(
        Code::EmptyFallback,
        "a hole",
        at(&sources, 0, "é"),
        "nothing",
    )];
    let ascii = shown(
        &problem,
        &sources,
        ReportStyle {
            unicode: false,
            ..PLAIN
        },
    );
    assert!(ascii.replace('é', "").is_ascii(), "{ascii}");
    assert!(ascii.starts_with("warning[empty-fallback]"), "{ascii}");
    let colored = shown(&problem, &sources, ReportStyle { color: true, ..PLAIN });
    assert!(colored.contains("\u{1b}[33m"), "{colored:?}");
}

#[test]
fn every_place_of_a_file_can_be_shown() {
    for text in [
        "",
        "\n",
        "a",
        "a\n",
        "\u{feff}<p>",
        "a\r\nb\r\n",
        "\t{{ x }}\t\n",
        "é\u{0}\u{1b}[31m",
        "\r",
        "ünï\n\n",
    ] {
        let bounds: Vec<usize> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
        for start in &bounds {
            for end in bounds.iter().filter(|end| *end >= start) {
                let report = one(text, *start, *end);
                assert!(
                    !report.contains('\u{1b}') && !report.contains('\u{0}'),
                    "{report:?}"
                );
            }
        }
    }
}

#[test]
fn a_place_in_the_end_of_a_line_is_after_its_text() {
    let expected = " 2 │ bcd\n   ·    ▲\n   ·    ╰── here\n";
    for (start, end) in [(6, 6), (7, 8), (6, 9)] {
        let report = one("a\r\nbcd\r\ne", start, end);
        assert!(report.contains(expected), "{start}..{end}\n{report}");
    }
}

proptest::proptest! {
    #[test]
    fn any_place_of_any_text_is_shown_at_its_line_and_column(
        text in "([a-zé€\t\r\n{}<>\u{0}\u{7f}\u{202e}😀]{0,9}|[a-z ]{100,300}\n?){0,5}",
        start in 0_usize..1_000,
        len in 0_usize..400,
        width in 0_usize..140,
        unicode: bool,
    ) {
        let style = ReportStyle { width, unicode, color: false };
        let start = (0..=start.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let sources = [source("a.html", &text)];
        let problem = Problem::new(Code::BadList, "wrong", Span::new(start, start + len).at(SourceId(0)), "here");
        let report = shown(&[problem], &sources, style);
        let place = sources[0].line_column(start as u32);
        let title = format!("[templates/a.html:{}:{}]", place.line, place.column);
        proptest::prop_assert!(report.contains(&title) && report.contains("here"), "{title} {report}");
        proptest::prop_assert!(report.chars().all(|shown| shown == '\n' || !shown.is_control()), "{report:?}");
        let widest = report.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        proptest::prop_assert!(widest <= width.max(100) + 20, "{widest} {report}");
    }
}

#[test]
fn a_place_beyond_the_file_is_its_end() {
    assert!(one("abc", 50, 60).contains("[templates/a.html:1:4]"));
}

#[test]
fn a_long_line_is_cut_around_its_labels() {
    let text = format!("{}<m:fragment>{}", "a ".repeat(250_000), "b ".repeat(250_000));
    let report = one(&text, 500_000, 500_012);
    assert!(
        report.contains("a …".trim_start_matches("a ")) && report.contains("<m:fragment>b b"),
        "{report}"
    );
    assert!(report.contains("[templates/a.html:1:500001]"), "{report}");
    assert!(report.lines().all(|line| line.chars().count() <= 80), "{report}");
}

#[test]
fn a_label_as_long_as_the_file_shows_both_ends() {
    let report = one(&format!("<start{}end>", "x".repeat(1_000_000)), 0, 1_000_010);
    assert!(
        report.contains("<start") && report.contains("end>") && report.contains('…'),
        "{report}"
    );
    assert!(report.lines().all(|line| line.chars().count() <= 80), "{report}");
}

#[test]
fn a_label_over_many_lines_shows_its_first() {
    let report = one(&"<p>\n".repeat(10_000), 4, 39_000);
    assert!(report.lines().count() < 15, "{report}");
}

#[test]
fn many_places_are_counted_and_not_shown() {
    let sources = [source("a.html", &"<p>\n".repeat(2_000))];
    let mut problem = Problem::new(
        Code::ImportCycle,
        "a circle",
        Span::new(0, 3).at(SourceId(0)),
        "one",
    );
    for place in 1..1_000 {
        problem = problem.label(Span::new(place * 8, place * 8 + 3).at(SourceId(0)), "one more");
    }
    let report = shown(&[problem], &sources, PLAIN);
    assert!(report.contains("(988 places more)"), "{report}");
    assert!(report.lines().count() < 120, "{report}");
}

#[test]
fn many_problems_of_one_kind_do_not_flood() {
    let sources = [source("a.html", &"<m:".repeat(20_000))];
    let problem = |at: usize| {
        Problem::new(
            Code::UnclosedTag,
            "open",
            Span::new(at * 3, at * 3 + 3).at(SourceId(0)),
            "here",
        )
    };
    let mut problems: Vec<Problem> = (0..20_000).map(problem).collect();
    problems.push(Problem::new(
        Code::BadList,
        "a rare one",
        Span::new(0, 1).at(SourceId(0)),
        "here",
    ));
    let report = shown(&problems, &sources, PLAIN);
    assert!(
        report.contains("a rare one") && report.lines().count() < 1_000,
        "{report}"
    );
    assert!(report.ends_with(
        "20001 errors in 1 template (19950 more of the same are not shown: `--format short` lists 500 in each file)\n"
    ));
    let findings = Findings {
        problems: &problems,
        sources: &sources,
        templates: 1,
    };
    assert_eq!(render(findings, Format::Short, PLAIN).lines().count(), 20_001);
}

#[test]
fn a_problem_without_a_place_is_shown_all_the_same() {
    let mut problem = Problem::new(
        Code::TemplateSyntax,
        "no place",
        Span::default().at(SourceId(7)),
        "nowhere",
    );
    assert!(shown(&[problem.clone()], &[], PLAIN).contains("no place"));
    problem.labels.clear();
    assert!(shown(&[problem], &[], PLAIN).contains("no place"));
}

#[test]
fn the_summary_counts() {
    let error = Problem::new(Code::BadList, "", Span::default().at(SourceId(0)), "");
    let warning = Problem::new(Code::UnusedExport, "", Span::default().at(SourceId(0)), "");
    let check = |problems: &[Problem], templates, expected| {
        assert_eq!(
            summary(Findings {
                problems,
                sources: &[],
                templates
            }),
            expected
        );
    };
    check(&[], 14, "No problems in 14 templates");
    check(std::slice::from_ref(&error), 1, "1 error in 1 template");
    check(
        &[warning.clone(), warning.clone()],
        0,
        "2 warnings in 0 templates",
    );
    check(
        &[error.clone(), error, warning],
        14,
        "2 errors and 1 warning in 14 templates",
    );
}

fn two_labels() -> (Vec<Problem>, Vec<Source>) {
    let sources = vec![source("a b.html", "é<p>\n"), source("c.html", "x\r\nyz")];
    let problem = Problem::new(
        Code::ExportConflict,
        "two\nlines",
        at(&sources, 0, "<p>"),
        "first",
    )
    .label(at(&sources, 1, "z"), "second")
    .help("mend it");
    let warning = Problem::new(Code::EmptyFallback, "empty", at(&sources, 1, "x"), "");
    (vec![problem, warning], sources)
}

#[test]
fn short_is_one_line_a_problem() {
    let (problems, sources) = two_labels();
    let findings = Findings {
        problems: &problems,
        sources: &sources,
        templates: 2,
    };
    let expected = "templates/a b.html:1:2: error[export-conflict]: two lines\n\
                    templates/c.html:1:1: warning[empty-fallback]: empty\n";
    assert_eq!(render(findings, Format::Short, PLAIN), expected);
    assert_eq!(
        line(&problems[1], &sources),
        "templates/c.html:1:1: empty [empty-fallback]"
    );
}

#[test]
fn json_has_exactly_these_members() {
    let (problems, sources) = two_labels();
    let findings = Findings {
        problems: &problems,
        sources: &sources,
        templates: 2,
    };
    let expected = serde_json::json!({"problems": [
        {"code": "export-conflict", "severity": "error", "message": "two\nlines", "help": "mend it", "labels": [
            {"file": "templates/a b.html", "line": 1, "column": 2, "end_line": 1, "end_column": 5, "text": "first"},
            {"file": "templates/c.html", "line": 2, "column": 2, "end_line": 2, "end_column": 3, "text": "second"},
        ]},
        {"code": "empty-fallback", "severity": "warning", "message": "empty", "help": null, "labels": [
            {"file": "templates/c.html", "line": 1, "column": 1, "end_line": 1, "end_column": 2, "text": ""},
        ]},
    ], "templates": 2});
    let text = render(findings, Format::Json, PLAIN);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&text).expect("JSON"),
        expected
    );
    assert!(
        text.starts_with("{\"problems\":[{\"code\":") && text.ends_with("],\"templates\":2}\n"),
        "{text}"
    );
}

#[test]
fn sarif_names_rules_places_and_paths_as_uris() {
    let (problems, sources) = two_labels();
    let findings = Findings {
        problems: &problems,
        sources: &sources,
        templates: 2,
    };
    let log: serde_json::Value = serde_json::from_str(&render(findings, Format::Sarif, PLAIN)).expect("JSON");
    let run = &log["runs"][0];
    assert_eq!(
        (&log["version"], &run["columnKind"]),
        (&"2.1.0".into(), &"unicodeCodePoints".into())
    );
    assert_eq!(
        run["tool"]["driver"]["rules"].as_array().map(Vec::len),
        Some(Code::ALL.len())
    );
    let result = &run["results"][0];
    let rule = result["ruleIndex"].as_u64().expect("an index") as usize;
    assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], result["ruleId"]);
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "templates/a%20b.html");
    assert_eq!(
        place["region"],
        serde_json::json!({"startLine": 1, "startColumn": 2, "endLine": 1, "endColumn": 5})
    );
    assert_eq!(result["relatedLocations"][0]["message"]["text"], "second");
    assert_eq!(result["message"]["text"], "two\nlines\nmend it");
}

/// What pads texts with spaces can't count beyond 65,535.
#[test]
fn a_report_of_any_width_is_shown() {
    let sources = [source("a.html", &"a ".repeat(100_000))];
    let place = Span::new(150_000, 150_001).at(SourceId(0));
    let problem = Problem::new(
        Code::TemplateSyntax,
        "this is wrong ".repeat(20_000),
        place,
        "here ".repeat(20_000),
    );
    let report = |width| {
        shown(
            std::slice::from_ref(&problem),
            &sources,
            ReportStyle { width, ..PLAIN },
        )
    };
    let widest = report(1_000);
    for width in [1_001, 65_535, 65_536, 200_000, usize::MAX] {
        assert_eq!(report(width), widest, "{width}");
    }
    assert_eq!(report(0), report(40));
}
