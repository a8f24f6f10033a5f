//! The contracts of other services, from their JSON files (design section 3.3).
#![deny(clippy::disallowed_methods)]

use hydra_contract::Contract;

use super::{contract_members, json_places, load::LoadedFile, push_source};
use crate::{
    fragment::short,
    input::{Input, KnownContract},
    problem::{Code, Problem},
    source::{Source, SourceId, Span},
    within::Within,
};

/// Adds the contracts of these files. A file that is not a contract, or is a second one for a service, becomes a problem.
pub(super) fn add(input: &mut Input, files: Vec<LoadedFile>) {
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

/// The contracts whose files have the name of another service.
pub(crate) fn misnamed(input: &Input) -> Vec<Problem> {
    let known = input.contracts.values();
    let problems = known.filter_map(|known| {
        let source = input.sources.get(known.source.0 as usize)?;
        let file = source.name.strip_suffix(".json")?;
        let file = file.rsplit('/').next().unwrap_or(file);
        let service = &known.contract.service;
        if file == service {
            return None;
        }
        let message = format!(
            "`{}` is the contract of `{}`",
            short(&source.name),
            short(service)
        );
        let label = format!("the file has the name of `{}`", short(file));
        let problem = Problem::new(
            Code::ContractFileName,
            message,
            service_name(source, known.source),
            label,
        );
        Some(problem.help(format!(
            "rename the file to `{}.json`, or correct the name here: tags find a contract by this name",
            short(service)
        )))
    });
    problems.collect()
}

/// The contract that a file holds.
fn parse(source: &Source, id: SourceId) -> Result<Contract, Problem> {
    let text = source.text.trim_start_matches('\u{feff}');
    // A member of nearly the right name may be the one that is missing.
    if let Some(problem) = near_member(source, id, text) {
        return Err(problem);
    }
    let contract: Contract =
        serde_json::from_str(text).map_err(|error| not_a_contract(source, id, &error))?;
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
    let message = format!("`{}` is not a contract", source.name);
    let text = source.text.trim_start_matches('\u{feff}');
    let before = source.text.len() - text.len();
    let (place, reason) = match contract_members::wrong(text) {
        Some(wrong) => {
            let value = json_places::member(text, &wrong.path).map(|member| member.value);
            (
                value.map_or_else(|| whole(text), |value| marked(text, value)),
                wrong.reason,
            )
        }
        None => {
            let at = offset(text, error.line(), error.column());
            (Span::new(at, at), reason.to_owned())
        }
    };
    let place = Span::new(place.start as usize + before, place.end as usize + before);
    Problem::new(Code::BadContract, message, place.at(id), reason)
        .help("get the file again from the service that it belongs to: `hydra-compile contract --service NAME templates` prints it. If that \
               service has no templates of Hydra, `hydra-compile draft-contract NAME templates` prints a first contract of what your pages use")
}

/// The first character of the file's value.
fn whole(text: &str) -> Span {
    let start = text.len() - text.trim_start().len();
    Span::new(start, (start + 1).min(text.len()))
}

/// A value, or the first character of one that is long.
fn marked(text: &str, value: Span) -> Span {
    match text.within(value.range()).contains('\n') {
        true => Span::new(value.start as usize, value.start as usize + 1),
        false => value,
    }
}

/// A member that is nearly one of a contract's: it would be ignored, and what it says with it.
fn near_member(source: &Source, id: SourceId, text: &str) -> Option<Problem> {
    let (path, meant) = contract_members::misspelled(text)?;
    let before = source.text.len() - text.len();
    let name = json_places::member(text, &path)?.name;
    let place = Span::new(name.start as usize + before, name.end as usize + before);
    let written = path.last().map(String::as_str).unwrap_or_default();
    let message = format!(
        "`{}` has a member `{}`, which contracts do not have",
        source.name,
        short(written)
    );
    Some(
        Problem::new(Code::BadContract, message, place.at(id), "this would be ignored")
            .help(format!("did you mean `\"{meant}\"`?")),
    )
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
        let colon = key + source.text.within(key..).find(':')?;
        let start = colon + source.text.within(colon..).find('"')?;
        let end = start + 1 + source.text.within(start + 1..).find('"')? + 1;
        Some(Span::new(start, end))
    });
    value.unwrap_or_default().at(id)
}
