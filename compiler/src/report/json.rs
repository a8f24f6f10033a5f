//! Problems as JSON, for scripts.

use std::borrow::Cow;

use serde::Serialize;

use super::{Findings, file_name};
use crate::{
    problem::{Label, Problem, Severity},
    source::Source,
};

#[derive(Serialize)]
struct Report<'a> {
    problems: Vec<OneProblem<'a>>,
    templates: usize,
}

#[derive(Serialize)]
struct OneProblem<'a> {
    code: &'static str,
    severity: Severity,
    message: Cow<'a, str>,
    help: Option<&'a str>,
    labels: Vec<OneLabel<'a>>,
}

#[derive(Serialize)]
struct OneLabel<'a> {
    file: String,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    text: &'a str,
}

/// `{"problems":[…],"templates":N}` in one line. Lines and columns count from 1, columns in characters.
pub(super) fn render(findings: Findings<'_>) -> String {
    let problems = findings
        .problems
        .iter()
        .map(|problem| one(problem, findings.sources))
        .collect();
    let report = Report {
        problems,
        templates: findings.templates,
    };
    // Strings and numbers alone can't fail to be written.
    let mut text = serde_json::to_string(&report).unwrap_or_default();
    text.push('\n');
    text
}

fn one<'a>(problem: &'a Problem, sources: &[Source]) -> OneProblem<'a> {
    OneProblem {
        code: problem.code.name(),
        severity: problem.code.severity(),
        message: problem.counted_message(),
        help: problem.help.as_deref(),
        labels: problem
            .labels
            .iter()
            .filter_map(|label| one_label(label, sources))
            .collect(),
    }
}

fn one_label<'a>(label: &'a Label, sources: &[Source]) -> Option<OneLabel<'a>> {
    let source = sources.get(label.location.source.0 as usize)?;
    let start = source.line_column(label.location.span.start);
    let end = source.line_column(label.location.span.end);
    Some(OneLabel {
        file: file_name(source),
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        text: &label.text,
    })
}
