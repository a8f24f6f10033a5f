#![doc = include_str!("../explain/half-delimiter.md")]
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use crate::{
    problem::{Code, Problem},
    site::{File, Site},
    slips,
    source::SourceId,
    tag_prefix,
};

/// Reports the halves of delimiters in the text of a file that can be read.
pub(super) fn check(file: &File<'_>) -> Vec<Problem> {
    if !file.tree.stray_braces {
        return Vec::new();
    }
    let text = &file.source.text;
    slips::half_delimiters(file.id, text, tag_prefix::prefix(text))
}

/// Takes out what only the halves make wrong: the names that a half `{ set x = … %}` or `{ for x in … %}` would give, and what
/// files lack whose `extends` or `include` is half.
pub(super) fn pardon(site: &Site<'_>, problems: &mut Vec<Problem>) {
    if !problems.iter().any(may_be_pardoned) {
        return;
    }
    let mut names = BTreeSet::new();
    let mut apart: BTreeSet<SourceId> = BTreeSet::new();
    for file in site.files.iter().filter(|file| file.tree.stray_braces) {
        let text = &file.source.text;
        for half in slips::half_statements(text, tag_prefix::prefix(text)) {
            let mut words = half.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let keyword = words.find(|word| !word.is_empty()).unwrap_or_default();
            match keyword {
                "set" | "set_global" | "for" => {
                    let given = words
                        .take_while(|word| *word != "in")
                        .filter(|word| !word.is_empty());
                    let count = if keyword == "for" { 2 } else { 1 };
                    names.extend(given.take(count).map(str::to_owned));
                }
                "extends" | "include" => {
                    apart.insert(file.id);
                    let named = half.split(['"', '\'', '`']).filter_map(|name| site.find(name));
                    apart.extend(named.map(|named| site.files[named].id));
                }
                _ => {}
            }
        }
    }
    if names.is_empty() && apart.is_empty() {
        return;
    }
    problems.retain(|problem| {
        let Some(label) = problem.labels.first().filter(|_| may_be_pardoned(problem)) else {
            return true;
        };
        let source = label.location.source;
        let text = site.files.iter().find(|file| file.id == source);
        let text = text.map_or("", |file| file.source.slice(label.location.span));
        let name = text
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .next()
            .unwrap_or_default();
        !apart.contains(&source) && !names.contains(name)
    });
}

/// Whether a problem says that a name is not known, or not used.
fn may_be_pardoned(problem: &Problem) -> bool {
    matches!(
        problem.code,
        Code::UnknownPageAttribute
            | Code::UnknownImport
            | Code::UnknownField
            | Code::MaybeUnset
            | Code::UnusedExport
    )
}
