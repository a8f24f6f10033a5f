//! Problems as SARIF 2.1.0 (OASIS), for code hosts and editors.

use serde::Serialize;

use super::{Findings, file_name, long_lines::printable, severity_name};
use crate::{
    explain,
    problem::{Code, Label, Problem},
    source::Source,
};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

// The members of the types below are named and described in the specification, sections 3.13 to 3.49.

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<ResultObject<'a>>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Message,
    help: Help,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Help {
    text: String,
    markdown: &'static str,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultObject<'a> {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: Vec<Location<'a>>,
    related_locations: Vec<Location<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    physical_location: PhysicalLocation<'a>,
    message: Message,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation<'a> {
    artifact_location: ArtifactLocation<'a>,
    region: Region,
}

#[derive(Serialize)]
struct ArtifactLocation<'a> {
    uri: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
}

/// A log with one run. Columns count Unicode characters, as `columnKind` says.
pub(super) fn render(findings: Findings<'_>) -> String {
    let uris: Vec<String> = findings
        .sources
        .iter()
        .map(|source| uri(&file_name(source)))
        .collect();
    let result = |problem| result(problem, findings.sources, &uris);
    let driver = Driver {
        name: "hydra-compile",
        semantic_version: env!("CARGO_PKG_VERSION"),
        rules: Code::ALL.iter().map(|code| rule(*code)).collect(),
    };
    let run = Run {
        tool: Tool { driver },
        column_kind: "unicodeCodePoints",
        results: findings.problems.iter().map(result).collect(),
    };
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [run],
    };
    // Strings and numbers alone can't fail to be written.
    let mut text = serde_json::to_string(&log).unwrap_or_default();
    text.push('\n');
    text
}

fn rule(code: Code) -> Rule {
    let title = explain::title(code);
    Rule {
        id: code.name(),
        short_description: Message {
            text: title.to_owned(),
        },
        help: Help {
            text: format!("{title}: `hydra-compile explain {}` tells more", code.name()),
            markdown: explain::text(code),
        },
        default_configuration: Configuration {
            level: severity_name(code.severity()),
        },
    }
}

fn result<'a>(problem: &Problem, sources: &[Source], uris: &'a [String]) -> ResultObject<'a> {
    let mut places = problem
        .labels
        .iter()
        .filter_map(|label| location(label, sources, uris));
    let text = match &problem.help {
        Some(help) => printable(&format!("{}\n{help}", problem.message)),
        None => printable(&problem.message),
    };
    ResultObject {
        rule_id: problem.code.name(),
        rule_index: Code::ALL
            .iter()
            .position(|code| *code == problem.code)
            .unwrap_or_default(),
        level: severity_name(problem.code.severity()),
        message: Message { text },
        locations: places.next().into_iter().collect(),
        related_locations: places.collect(),
    }
}

fn location<'a>(label: &Label, sources: &[Source], uris: &'a [String]) -> Option<Location<'a>> {
    let index = label.location.source.0 as usize;
    let source = sources.get(index)?;
    let start = source.line_column(label.location.span.start);
    let end = source.line_column(label.location.span.end);
    let region = Region {
        start_line: start.line,
        start_column: start.column,
        end_line: end.line,
        end_column: end.column,
    };
    let artifact_location = ArtifactLocation {
        uri: uris.get(index)?,
    };
    let physical_location = PhysicalLocation {
        artifact_location,
        region,
    };
    Some(Location {
        physical_location,
        message: Message {
            text: printable(&label.text),
        },
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
