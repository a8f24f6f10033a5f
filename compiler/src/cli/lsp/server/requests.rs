//! Questions of the editor about a place.

use std::{collections::HashMap, path::PathBuf};

use gen_lsp_types as lsp;
use hydra_compile::editor::{CandidateKind, Completion, Fix, Position, Workspace};
use serde_json::Value;

use super::{Uris, json, read};
use crate::cli::lsp::{
    convert::{position, range},
    uri,
};

/// Answers a request. `None`: its parameters have another form than the protocol says.
pub(super) type Question = fn(&mut Workspace, &Uris, Value) -> Option<Value>;

/// The answer to requests of a method. `None`: the server has no such method.
pub(super) fn question(method: &str) -> Option<Question> {
    Some(match method {
        "textDocument/completion" => complete,
        "textDocument/hover" => hover,
        "textDocument/definition" => define,
        "textDocument/references" => refer,
        "textDocument/codeAction" => fix,
        _ => return None,
    })
}

/// The document and the position of a question. A document that is not a file has nothing to say.
fn place(at: &lsp::TextDocumentPositionParams) -> (Option<PathBuf>, Position) {
    (uri::path(&at.text_document.uri.0), position(at.position))
}

fn complete(workspace: &mut Workspace, _uris: &Uris, params: Value) -> Option<Value> {
    let params = read::<lsp::CompletionParams>(params)?;
    let (path, at) = place(&params.text_document_position_params);
    let found = path
        .map(|path| workspace.completions(&path, at))
        .unwrap_or_default();
    let items = found.into_iter().enumerate().map(item);
    Some(json(&items.collect::<Vec<_>>()))
}

fn item((index, completion): (usize, Completion)) -> lsp::CompletionItem {
    let kind = match completion.kind {
        CandidateKind::Tag => lsp::CompletionItemKind::Class,
        CandidateKind::TagAttribute => lsp::CompletionItemKind::Property,
        CandidateKind::Service => lsp::CompletionItemKind::Module,
        CandidateKind::Fragment => lsp::CompletionItemKind::Interface,
        CandidateKind::Member => lsp::CompletionItemKind::Field,
        CandidateKind::PageAttribute | CandidateKind::Variable => lsp::CompletionItemKind::Variable,
        CandidateKind::Word => lsp::CompletionItemKind::EnumMember,
        CandidateKind::Template => lsp::CompletionItemKind::File,
    };
    let edit = lsp::TextEdit {
        range: range(completion.range),
        new_text: completion.label.clone(),
    };
    lsp::CompletionItem {
        label: completion.label,
        kind: Some(kind),
        detail: (!completion.detail.is_empty()).then_some(completion.detail),
        // The order of the list is that of the server.
        sort_text: Some(format!("{index:05}")),
        text_edit: Some(lsp::CompletionItemTextEdit::TextEdit(edit)),
        ..lsp::CompletionItem::default()
    }
}

fn hover(workspace: &mut Workspace, _uris: &Uris, params: Value) -> Option<Value> {
    let params = read::<lsp::HoverParams>(params)?;
    let (path, at) = place(&params.text_document_position_params);
    let found = path.and_then(|path| workspace.hover(&path, at));
    let hover = found.map(|hover| lsp::Hover {
        contents: lsp::Contents::MarkupContent(lsp::MarkupContent {
            kind: lsp::MarkupKind::Markdown,
            value: hover.text,
        }),
        range: Some(range(hover.range)),
    });
    Some(json(&hover))
}

fn define(workspace: &mut Workspace, uris: &Uris, params: Value) -> Option<Value> {
    let params = read::<lsp::DefinitionParams>(params)?;
    let (path, at) = place(&params.text_document_position_params);
    let places = path
        .map(|path| workspace.definition(&path, at))
        .unwrap_or_default();
    let locations = places.iter().filter_map(|place| uris.location(place));
    Some(json(&locations.collect::<Vec<_>>()))
}

fn refer(workspace: &mut Workspace, uris: &Uris, params: Value) -> Option<Value> {
    let params = read::<lsp::ReferenceParams>(params)?;
    let (path, at) = place(&params.text_document_position_params);
    let declaration = params.context.include_declaration;
    let places = path
        .map(|path| workspace.references(&path, at, declaration))
        .unwrap_or_default();
    let locations = places.iter().filter_map(|place| uris.location(place));
    Some(json(&locations.collect::<Vec<_>>()))
}

fn fix(workspace: &mut Workspace, _uris: &Uris, params: Value) -> Option<Value> {
    let params = read::<lsp::CodeActionParams>(params)?;
    let document = params.text_document.uri;
    let wanted = params.context.only.as_ref();
    let is_wanted = wanted.is_none_or(|kinds| {
        kinds
            .iter()
            .any(|kind| matches!(kind, lsp::CodeActionKind::QuickFix | lsp::CodeActionKind::Empty))
    });
    let range = (position(params.range.start), position(params.range.end));
    let path = uri::path(&document.0).filter(|_| is_wanted);
    let fixes = path.map(|path| workspace.fixes(&path, range)).unwrap_or_default();
    let given = params.context.diagnostics;
    let actions = fixes.into_iter().map(|fix| action(&document, fix, &given));
    Some(json(&actions.collect::<Vec<_>>()))
}

/// A fix as a quick fix of the diagnostics that the editor has of its problem.
fn action(document: &lsp::Uri, fix: Fix, given: &[lsp::Diagnostic]) -> lsp::CodeAction {
    let edits = fix.edits.into_iter().map(|(replaced, new_text)| lsp::TextEdit {
        range: range(replaced),
        new_text,
    });
    let is_its = |diagnostic: &&lsp::Diagnostic| {
        let code = lsp::Code::String(fix.code.name().to_owned());
        diagnostic.code == Some(code) && diagnostic.range == range(fix.range)
    };
    let diagnostics: Vec<_> = given.iter().filter(is_its).cloned().collect();
    lsp::CodeAction {
        title: fix.title,
        kind: Some(lsp::CodeActionKind::QuickFix),
        is_preferred: Some(true),
        diagnostics: (!diagnostics.is_empty()).then_some(diagnostics),
        edit: Some(lsp::WorkspaceEdit {
            changes: Some(HashMap::from([(document.clone(), edits.collect())])),
            ..lsp::WorkspaceEdit::default()
        }),
        ..lsp::CodeAction::default()
    }
}
