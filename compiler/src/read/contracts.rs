//! The contracts of other services, from their JSON files (design section 3.3).
#![deny(clippy::disallowed_methods)]

use hydra_contract::Contract;

use super::{contract_members, load::Loaded, push_source};
use crate::{
    input::{Input, KnownContract},
    problem::{Code, Problem},
    source::{Source, SourceId, Span},
    suggest::nearest,
};

/// Adds the contracts of these files. A file that is not a contract, or is a second one for a service, becomes a problem.
pub(super) fn add(input: &mut Input, files: Vec<Loaded>) {
    for loaded in files {
        let is_text = loaded.broken_at.is_none();
        let id = push_source(input, loaded);
        if is_text && let Err(problem) = add_one(input, id) {
            input.broken.push(problem);
        }
    }
}

fn add_one(input: &mut Input, id: SourceId) -> Result<(), Problem> {
    let source = &input.sources[id.0 as usize];
    let contract = parse(source, id)?;
    if let Some(other) = input.contracts.get(&contract.service) {
        let name = &contract.service;
        let other_source = &input.sources[other.source.0 as usize];
        let message = format!("`{name}` has two contracts");
        return Err(Problem::new(
            Code::BadContract,
            message,
            service_name(source, id),
            "this is the second",
        )
        .label(service_name(other_source, other.source), "this is the first")
        .help("keep one file for each service"));
    }
    input
        .contracts
        .insert(contract.service.clone(), KnownContract { source: id, contract });
    Ok(())
}

/// The contract that a file holds.
fn parse(source: &Source, id: SourceId) -> Result<Contract, Problem> {
    let text = source.text.trim_start_matches('\u{feff}');
    let contract: Contract =
        serde_json::from_str(text).map_err(|error| not_a_contract(source, id, &error))?;
    if let Some(problem) = near_member(source, id, text) {
        return Err(problem);
    }
    if contract.service.trim().is_empty() {
        let message = format!("`{}` does not say whose contract it is", source.name);
        return Err(Problem::new(
            Code::BadContract,
            message,
            service_name(source, id),
            "the name is empty",
        )
        .help("write the name of the service: \"service\": \"orderService\""));
    }
    Ok(contract)
}

fn not_a_contract(source: &Source, id: SourceId, error: &serde_json::Error) -> Problem {
    let reason = error.to_string();
    // The place is shown by the label.
    let reason = reason
        .rsplit_once(" at line ")
        .map_or(reason.as_str(), |(reason, _)| reason);
    let at = offset(&source.text, error.line(), error.column());
    let message = format!("`{}` is not a contract", source.name);
    let place = value_before(&source.text, at, reason);
    let text = source.text.trim_start_matches('\u{feff}');
    let reason = contract_members::wrong(text).unwrap_or_else(|| reason.to_owned());
    Problem::new(Code::BadContract, message, place.at(id), reason)
        .help("get the file again from the service that it belongs to: `hydra-compile contract --service NAME templates` prints it. If that \
               service has no templates of Hydra, `hydra-compile draft-contract NAME templates` prints a first contract of what your pages use")
}

/// The value that an error is about, which serde names in backticks and stops behind; otherwise the place where it stopped.
fn value_before(text: &str, at: usize, reason: &str) -> Span {
    let named = reason.split('`').nth(1).filter(|name| !name.is_empty());
    let found = named.and_then(|name| {
        let written = format!("\"{name}\"");
        let until = (at + written.len() + 1).min(text.len());
        let until = (until..=text.len()).find(|end| text.is_char_boundary(*end))?;
        Some(Span::new(0, written.len())).zip(text[..until].rfind(&written))
    });
    match found {
        Some((span, start)) => Span::new(start, start + span.len()),
        None => Span::new(at, at),
    }
}

/// A member that is nearly one of a contract's: it would be ignored, and what it says with it.
fn near_member(source: &Source, id: SourceId, text: &str) -> Option<Problem> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let contract = value.as_object()?;
    let known_of_fragments = ["imports", "exports", "provides", "styles", "scripts"];
    let mut near = first_near(contract, &["service", "fragments", "asks", "sessions"]);
    let fragments = contract.get("fragments").and_then(serde_json::Value::as_object);
    for fragment in fragments.into_iter().flat_map(|fragments| fragments.values()) {
        let fragment = fragment.as_object()?;
        near = near.or_else(|| first_near(fragment, &known_of_fragments));
        let imports = fragment.get("imports").and_then(serde_json::Value::as_object);
        for import in imports.into_iter().flat_map(|imports| imports.values()) {
            near = near.or_else(|| first_near(import.as_object()?, &["type", "default"]));
        }
    }
    let (written, meant) = near?;
    let quoted = format!("\"{written}\"");
    let start = source.text.find(&quoted).unwrap_or_default();
    let message = format!(
        "`{}` has a member `{written}`, which contracts do not have",
        source.name
    );
    let place = Span::new(start, start + quoted.len()).at(id);
    Some(
        Problem::new(Code::BadContract, message, place, "this would be ignored")
            .help(format!("did you mean `\"{meant}\"`?")),
    )
}

/// The first member that is not known, and nearly is.
fn first_near(
    members: &serde_json::Map<String, serde_json::Value>,
    known: &[&'static str],
) -> Option<(String, &'static str)> {
    let unknown = members.keys().filter(|name| !known.contains(&name.as_str()));
    unknown
        .filter_map(|name| Some((name.clone(), nearest(name, known.iter().copied())?)))
        .next()
}

/// The byte at a line and a column as serde_json counts them: both from 1, columns in bytes, 0 before the first.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let lines = text.split_inclusive('\n');
    let start: usize = lines.take(line.saturating_sub(1)).map(str::len).sum();
    let mut at = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Where a contract names its service; the start of the file where that is not found.
fn service_name(source: &Source, id: SourceId) -> crate::source::Location {
    let key = source.text.find("\"service\"");
    let value = key.and_then(|key| {
        let colon = key + source.text[key..].find(':')?;
        let start = colon + source.text[colon..].find('"')?;
        let end = start + 1 + source.text[start + 1..].find('"')? + 1;
        Some(Span::new(start, end))
    });
    value.unwrap_or_default().at(id)
}
