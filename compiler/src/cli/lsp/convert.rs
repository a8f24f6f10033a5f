//! Plain data of the workspace as the types of the protocol, and back.

use std::{collections::HashMap, path::Path, path::PathBuf};

use gen_lsp_types as lsp;
use hydra_compile::{
    editor::{Change, FileFindings, Finding, Place, Position},
    problem::Code,
};

use super::uri;

/// The name under which editors show where a problem comes from.
const SOURCE: &str = "hydra";

/// Where a rule is described: the documentation of its code has the text of `hydra-compile explain`.
const DOCUMENTATION: &str =
    "https://docs.rs/hydra-compile/latest/hydra_compile/problem/enum.Code.html#variant.";

/// The URIs of files, spelled as the editor spells them.
#[derive(Clone, Debug, Default)]
pub(super) struct Uris(HashMap<PathBuf, String>);

impl Uris {
    /// The path of a URI, whose spelling is kept.
    pub(super) fn path(&mut self, uri: &lsp::Uri) -> Option<PathBuf> {
        let path = uri::path(&uri.0)?;
        self.0.insert(path.clone(), uri.0.clone());
        Some(path)
    }

    /// Forgets the spelling of a file that is closed.
    pub(super) fn forget(&mut self, path: &Path) {
        self.0.remove(path);
    }

    pub(super) fn uri(&self, path: &Path) -> Option<lsp::Uri> {
        let spelled = self.0.get(path).cloned();
        spelled.or_else(|| uri::uri(path)).map(lsp::Uri)
    }

    pub(super) fn location(&self, place: &Place) -> Option<lsp::Location> {
        Some(lsp::Location {
            uri: self.uri(&place.path)?,
            range: range(place.range),
        })
    }

    /// All problems of one file. `None`: its path has no URI.
    pub(super) fn published(
        &self,
        file: &FileFindings,
        shows_related: bool,
    ) -> Option<lsp::PublishDiagnosticsParams> {
        let diagnostics = file.findings.iter();
        Some(lsp::PublishDiagnosticsParams {
            uri: self.uri(&file.path)?,
            version: file.version,
            diagnostics: diagnostics
                .map(|finding| self.diagnostic(finding, shows_related))
                .collect(),
        })
    }

    /// A problem as a diagnostic.
    pub(super) fn diagnostic(&self, finding: &Finding, shows_related: bool) -> lsp::Diagnostic {
        let related = finding.related.iter().filter(|_| shows_related);
        let related: Vec<_> = related
            .filter_map(|related| {
                Some(lsp::DiagnosticRelatedInformation {
                    location: self.location(&related.place)?,
                    message: related.text.clone(),
                })
            })
            .collect();
        let severity = match finding.is_error() {
            true => lsp::DiagnosticSeverity::Error,
            false => lsp::DiagnosticSeverity::Warning,
        };
        let is_unused = finding.code == Code::UnusedExport;
        lsp::Diagnostic {
            range: range(finding.range),
            severity: Some(severity),
            code: Some(lsp::Code::String(finding.code.name().to_owned())),
            code_description: Some(lsp::CodeDescription {
                href: lsp::Uri(format!("{DOCUMENTATION}{:?}", finding.code)),
            }),
            source: Some(SOURCE.to_owned()),
            message: lsp::Message::String(finding.text.clone()),
            tags: is_unused.then(|| vec![lsp::DiagnosticTag::Unnecessary]),
            related_information: (!related.is_empty()).then_some(related),
            data: None,
        }
    }
}

pub(super) fn range((start, end): (Position, Position)) -> lsp::Range {
    let position = |position: Position| lsp::Position {
        line: position.line,
        character: position.character,
    };
    lsp::Range {
        start: position(start),
        end: position(end),
    }
}

pub(super) fn position(position: lsp::Position) -> Position {
    Position {
        line: position.line,
        character: position.character,
    }
}

pub(super) fn change(change: lsp::TextDocumentContentChangeEvent) -> Change {
    match change {
        lsp::TextDocumentContentChangeEvent::TextDocumentContentChangePartial(change) => Change {
            range: Some((position(change.range.start), position(change.range.end))),
            text: change.text,
        },
        lsp::TextDocumentContentChangeEvent::TextDocumentContentChangeWholeDocument(change) => Change {
            range: None,
            text: change.text,
        },
    }
}
