//! Problems as SARIF 2.1.0 (OASIS), for code hosts and editors.

use serde_json::{Value, json};

use super::{Findings, excerpt::printable, file_name, severity_name};
use crate::{
    explain,
    problem::{Code, Label, Problem},
    source::Source,
};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// A log with one run. Columns count Unicode characters, as `columnKind` says.
pub(super) fn render(findings: Findings<'_>) -> String {
    let results: Vec<Value> = findings
        .problems
        .iter()
        .map(|problem| result(problem, findings.sources))
        .collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "hydra-compile",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": Code::ALL.iter().map(|code| rule(*code)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn rule(code: Code) -> Value {
    let help = format!(
        "{}: `hydra-compile explain {}` tells more",
        explain::title(code),
        code.name()
    );
    json!({
        "id": code.name(),
        "shortDescription": { "text": explain::title(code) },
        "help": { "text": help, "markdown": explain::text(code) },
        "defaultConfiguration": { "level": severity_name(code.severity()) },
    })
}

fn result(problem: &Problem, sources: &[Source]) -> Value {
    let mut places = problem
        .labels
        .iter()
        .filter_map(|label| Some((label, sources.get(source_index(label))?)));
    let first: Vec<Value> = places
        .next()
        .map(|(label, source)| location(label, source))
        .into_iter()
        .collect();
    let others: Vec<Value> = places.map(|(label, source)| location(label, source)).collect();
    let text = match &problem.help {
        Some(help) => format!("{}\n{help}", problem.message),
        None => problem.message.clone(),
    };
    let index = Code::ALL.iter().position(|code| *code == problem.code);
    json!({
        "ruleId": problem.code.name(),
        "ruleIndex": index,
        "level": severity_name(problem.code.severity()),
        "message": { "text": printable(&text) },
        "locations": first,
        "relatedLocations": others,
    })
}

fn source_index(label: &Label) -> usize {
    label.location.source.0 as usize
}

fn location(label: &Label, source: &Source) -> Value {
    let start = source.line_column(label.location.span.start);
    let end = source.line_column(label.location.span.end);
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&file_name(source)) },
            "region": {
                "startLine": start.line,
                "startColumn": start.column,
                "endLine": end.line,
                "endColumn": end.column,
            },
        },
        "message": { "text": printable(&label.text) },
    })
}

/// A path as a URI reference (RFC 3986): an absolute path becomes a `file:` URI, all else stays relative.
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte as char)
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
