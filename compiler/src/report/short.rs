//! Problems as lines of text, one each.

use std::fmt::Write as _;

use super::{Findings, file_name, long_lines::printable, severity_name};
use crate::{problem::Problem, source::Source};

/// `file:line:column: error[code]: message`.
pub(super) fn render(findings: Findings<'_>) -> String {
    let mut report = String::new();
    for problem in findings.problems {
        let place = place(problem, findings.sources);
        let severity = severity_name(problem.code.severity());
        // Writing to a string can't fail.
        let _ = writeln!(
            report,
            "{place}{severity}[{}]: {}",
            problem.code.name(),
            one_line(&problem.counted_message())
        );
    }
    report
}

/// `file:line:column: message [code]`: build tools say "error" or "warning" themselves.
pub(super) fn for_tools(problem: &Problem, sources: &[Source]) -> String {
    format!(
        "{}{} [{}]",
        place(problem, sources),
        one_line(&problem.counted_message()),
        problem.code.name()
    )
}

fn place(problem: &Problem, sources: &[Source]) -> String {
    let first = problem.labels.first().map(|label| label.location);
    let Some((location, source)) = first.and_then(|at| Some((at, sources.get(at.source.0 as usize)?))) else {
        return String::new();
    };
    let place = source.line_column(location.span.start);
    format!(
        "{}:{}:{}: ",
        one_line(&file_name(source)),
        place.line,
        place.column
    )
}

fn one_line(text: &str) -> String {
    printable(text).replace('\n', " ")
}
