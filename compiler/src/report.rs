//! Formats problems: for people through miette, and for programs as lines, JSON or SARIF.
//!
//! This is the only file that knows miette. What it gets is an excerpt: the few lines that matter, cut to
//! the width, of all files involved. So a template of one line and a megabyte costs no more than any other.
#![deny(clippy::disallowed_methods)]

mod excerpt;
mod json;
mod long_lines;
mod sarif;
mod short;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use crate::{
    limits::{
        MAX_PROBLEMS_PER_CODE, MAX_REPORT_COLUMNS, MAX_SHOWN_LABELS, MAX_SHOWN_PER_CODE, MIN_REPORT_COLUMNS,
    },
    problem::{Problem, Severity},
    source::Source,
};
use excerpt::Excerpt;
#[cfg(feature = "cli")]
pub(crate) use long_lines::printable;

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text with the places in the files drawn in, and a summary.
    Human,
    /// One line a problem: `file:line:column: error[code]: message`.
    Short,
    /// `{"problems":[…],"templates":N}`.
    Json,
    /// SARIF 2.1.0, which code hosts and editors read.
    Sarif,
}

/// How a report for people looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportStyle {
    /// How wide it may be, in columns.
    pub width: usize,
    /// With ANSI colours.
    pub color: bool,
    /// With line drawing characters beyond ASCII.
    pub unicode: bool,
}

/// What is reported.
#[derive(Clone, Copy, Debug)]
pub struct Findings<'a> {
    /// The problems in the order in which they are shown.
    pub problems: &'a [Problem],
    /// The files that they point into.
    pub sources: &'a [Source],
    /// How many templates were looked at.
    pub templates: usize,
}

/// The report as text, with a line feed at its end unless it is empty.
#[must_use]
pub fn render(findings: Findings<'_>, format: Format, style: ReportStyle) -> String {
    match format {
        Format::Human => human(findings, style),
        Format::Short => short::render(findings),
        Format::Json => json::render(findings),
        Format::Sarif => sarif::render(findings),
    }
}

/// One line a problem, for build tools: `file:line:column: message [code]`. Colours and errors are the tool's own.
#[must_use]
pub fn line(problem: &Problem, sources: &[Source]) -> String {
    short::for_tools(problem, sources)
}

/// "2 errors and 1 warning in 14 templates".
#[must_use]
pub fn summary(findings: Findings<'_>) -> String {
    let counted_of = |severity| {
        let problems = findings.problems.iter();
        let alike = problems.filter(|problem| problem.code.severity() == severity);
        alike.map(|problem| 1 + problem.more).sum::<usize>()
    };
    let errors = counted_of(Severity::Error);
    let warnings = counted_of(Severity::Warning);
    let found = match (errors, warnings) {
        (0, 0) => "No problems".to_owned(),
        (_, 0) => counted(errors, "error"),
        (0, _) => counted(warnings, "warning"),
        _ => format!(
            "{} and {}",
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    };
    format!("{found} in {}", counted(findings.templates, "template"))
}

fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// The path of a file as reports write it: with `/` on every system, and without anything that a terminal obeys.
fn file_name(source: &Source) -> String {
    long_lines::printable(&source.path.to_string_lossy().replace('\\', "/"))
}

fn human(findings: Findings<'_>, style: ReportStyle) -> String {
    let style = ReportStyle {
        width: style.width.clamp(MIN_REPORT_COLUMNS, MAX_REPORT_COLUMNS),
        ..style
    };
    let handler = GraphicalReportHandler::new_themed(theme(style))
        .with_width(style.width)
        .with_links(false)
        .with_break_words(false)
        .without_syntax_highlighting()
        .tab_width(4);
    let mut report = String::new();
    let mut alike: BTreeMap<_, (usize, usize)> = BTreeMap::new();
    for problem in findings.problems {
        let file = problem.labels.first().map(|label| label.location.source);
        let (count, hidden) = alike.entry((problem.code, file)).or_default();
        *count += 1;
        if *count > MAX_SHOWN_PER_CODE {
            *hidden += 1 + problem.more;
        } else {
            *hidden += problem.more;
            // Writing to a string fails only if the excerpt refuses a span, which `read_span` does for merges alone.
            let _ = handler.render_report(&mut report, &ShownProblem::new(problem, findings.sources, style));
            report.push('\n');
        }
    }
    let hidden: usize = alike.values().map(|(_, hidden)| hidden).sum();
    report.push_str(&summary(findings));
    if hidden > 0 {
        report.push_str(&format!(
            " ({hidden} more of the same are not shown: `--format short` lists {MAX_PROBLEMS_PER_CODE} in each file)"
        ));
    }
    report.push('\n');
    report
}

fn theme(style: ReportStyle) -> GraphicalTheme {
    GraphicalTheme {
        characters: if style.unicode {
            ThemeCharacters::unicode()
        } else {
            ThemeCharacters::ascii()
        },
        styles: if style.color {
            ThemeStyles::ansi()
        } else {
            ThemeStyles::none()
        },
    }
}

/// A problem as miette sees it.
#[derive(Debug)]
struct ShownProblem<'a> {
    problem: &'a Problem,
    excerpt: Excerpt,
}

impl<'a> ShownProblem<'a> {
    fn new(problem: &'a Problem, sources: &[Source], style: ReportStyle) -> Self {
        let labels = problem.labels.get(..MAX_SHOWN_LABELS).unwrap_or(&problem.labels);
        let ellipsis = if style.unicode { "…" } else { "..." };
        Self {
            problem,
            excerpt: excerpt::excerpt(labels, sources, style.width, ellipsis),
        }
    }
}

impl fmt::Display for ShownProblem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&long_lines::printable(&self.problem.counted_message()))
    }
}

impl std::error::Error for ShownProblem<'_> {}

impl Diagnostic for ShownProblem<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        let severity = severity_name(self.problem.code.severity());
        Some(Box::new(format!("{severity}[{}]", self.problem.code.name())))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.problem.code.severity() {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        let hidden = self.problem.labels.len().saturating_sub(MAX_SHOWN_LABELS);
        let more = (hidden > 0).then(|| format!("({} more)", counted(hidden, "place")));
        let help = self.problem.help.as_deref().map(long_lines::printable);
        let lines: Vec<String> = help.into_iter().chain(more).collect();
        if lines.is_empty() {
            None
        } else {
            Some(Box::new(lines.join("\n")))
        }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.excerpt)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.excerpt.marks.iter().enumerate().map(
            |(index, mark)| {
                let text = (!mark.text.is_empty()).then(|| mark.text.clone());
                let span = (mark.start, mark.end - mark.start);
                match index {
                    0 => LabeledSpan::new_primary_with_span(text, span),
                    _ => LabeledSpan::new_with_span(text, span),
                }
            },
        )))
    }
}

impl SourceCode for Excerpt {
    /// The whole group of lines that holds the span, whatever context is asked for. A span that touches two
    /// groups is refused, and miette then draws them as two snippets.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let end = span.offset() + span.len();
        let group = self
            .group_at(span.offset())
            .filter(|group| end <= group.end)
            .ok_or(MietteError::OutOfBounds)?;
        let bytes = self
            .text
            .as_bytes()
            .get(group.start..group.end)
            .ok_or(MietteError::OutOfBounds)?;
        // Asked for no context, miette wants the place for the snippet's title.
        let place = self
            .marks
            .iter()
            .find(|mark| before + after == 0 && mark.start == span.offset());
        let (line, column) = place.map_or((group.first_line, 1), |mark| (mark.place.line, mark.place.column));
        Ok(Box::new(MietteSpanContents::new_named(
            group.file.clone(),
            bytes,
            (group.start, group.end - group.start).into(),
            line as usize - 1,
            column as usize - 1,
            group.lines,
        )))
    }
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
