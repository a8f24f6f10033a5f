//! Replaces the errors of a file by the slip of the finger that made them, where there is one.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    input::Options,
    model::Components,
    parallel::each,
    problem::{Code, Problem, Severity},
    site::{File, Site, references},
    slips,
    source::{Source, SourceId},
    syntax, tag_prefix, tree,
};

/// Looks for the slip behind the errors of each file that can't be read. `local` and `found` lose the errors that a slip explains;
/// `found` gets the slips. The result is the files that have one.
pub(super) fn explain(
    site: &Site<'_>,
    components: &Components<'_>,
    options: &Options,
    local: &mut Vec<Problem>,
    found: &mut Vec<Problem>,
) -> BTreeSet<usize> {
    let broken = broken(local.iter().chain(found.iter()));
    let files: Vec<(usize, Vec<Problem>)> = site
        .files
        .iter()
        .enumerate()
        .filter_map(|(index, file)| Some((index, broken.get(&file.id)?.clone())))
        .collect();
    let explained = each(&files, |_, (index, errors)| {
        let file = &site.files[*index];
        let errors_of = |text: &str| errors_of(site, components, options, file, text);
        slips::explain(file.id, &file.source.text, errors, &errors_of)
    });
    let mut of_files = BTreeSet::new();
    for ((index, _), explained) in files.into_iter().zip(explained) {
        if let Some(explained) = explained {
            let id = site.files[index].id;
            local.retain(|problem| source_of(problem) != Some(id));
            found.retain(|problem| source_of(problem) != Some(id));
            found.extend(explained.problems);
            of_files.insert(index);
        }
    }
    of_files
}

/// The errors by file, of those files in which a slip may be behind them.
fn broken<'p>(problems: impl Iterator<Item = &'p Problem>) -> BTreeMap<SourceId, Vec<Problem>> {
    let mut broken: BTreeMap<SourceId, Vec<Problem>> = BTreeMap::new();
    for problem in problems.filter(|problem| problem.code.severity() == Severity::Error) {
        if let Some(source) = source_of(problem) {
            broken.entry(source).or_default().push(problem.clone());
        }
    }
    let explains = [
        Code::UnclosedTag,
        Code::StrayCloseTag,
        Code::UnclosedQuote,
        Code::TemplateSyntax,
    ];
    broken.retain(|_, problems| problems.iter().any(|problem| explains.contains(&problem.code)));
    broken
}

fn source_of(problem: &Problem) -> Option<SourceId> {
    problem.labels.first().map(|label| label.location.source)
}

/// How many errors `file` would have with another text.
fn errors_of(site: &Site<'_>, components: &Components<'_>, options: &Options, file: &File<'_>, text: &str) -> usize {
    let source = Source::new(file.source.name.clone(), file.source.path.clone(), text);
    let (tree, problems) = tree::tree(file.id, text, tag_prefix::prefix(text));
    let errors = problems.iter().filter(|problem| problem.code.severity() == Severity::Error);
    let count = errors.count() + tree.shown.len();
    if count > 0 || tree.unclosed.is_some() {
        return count.max(1);
    }
    let names = references(&tree);
    let uses = names.iter().filter_map(|reference| site.find(&reference.name));
    let uses = uses.collect();
    let missing = names.iter().any(|reference| site.find(&reference.name).is_none());
    let file = File {
        id: file.id,
        source: &source,
        uses,
        tree,
    };
    syntax::errors_in(site, components, options, &file) + usize::from(missing)
}
