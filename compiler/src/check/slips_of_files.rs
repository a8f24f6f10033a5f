//! Replaces the errors of a file by the slip of the finger that made them, where there is one.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    engines,
    input::Options,
    limits::{MAX_REPAIR_BYTES, MAX_REPAIR_BYTES_OF_SITE},
    model::Components,
    parallel::each,
    problem::{Code, Problem, Severity},
    site::{File, Site, references},
    slips,
    source::{Source, SourceId, Span},
    syntax, tag_prefix,
    tree::{self, Tree},
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
        .filter_map(|(index, file)| {
            let errors = broken.get(&file.id).cloned();
            // A fragment that HTML shows as text, and an end tag outside of all elements, may come from a slip before it.
            let may_hide = !file.tree.shown.is_empty()
                || !file.tree.stray_ends.is_empty()
                || lost_references(&file.source.text, &file.tree) > 0;
            let errors = errors.or_else(|| may_hide.then(Vec::new))?;
            Some((index, errors))
        })
        .collect();
    let most = (MAX_REPAIR_BYTES_OF_SITE / files.len().max(1)).min(MAX_REPAIR_BYTES);
    let explained = each(&files, |_, (index, errors)| {
        let file = &site.files[*index];
        let errors_of = |text: &str| errors_of(site, components, options, file, text);
        if errors.iter().any(|error| error.code == Code::TemplateSyntax) {
            let mut foreign = engines::in_tera(file.id, &file.source.text);
            if !foreign.is_empty() {
                for problem in &mut foreign {
                    shorten(problem, file, errors);
                }
                let others = errors.iter().filter(|error| error.code != Code::TemplateSyntax);
                foreign.extend(others.cloned());
                return Some(foreign);
            }
        }
        slips::explain(file.id, &file.source.text, errors, &errors_of, most)
    });
    let mut of_files = BTreeSet::new();
    for ((index, _), explained) in files.into_iter().zip(explained) {
        if let Some(explained) = explained {
            let id = site.files[index].id;
            local.retain(|problem| source_of(problem) != Some(id));
            found.retain(|problem| source_of(problem) != Some(id));
            found.extend(explained);
            of_files.insert(index);
        }
    }
    of_files
}

/// Of a statement over several lines, the line that is to be changed is marked. Where more than one is, Tera's own place is the nearer one.
fn shorten(problem: &mut Problem, file: &File<'_>, errors: &[Problem]) {
    let Some(label) = problem.labels.first_mut() else {
        return;
    };
    let whole = label.location.span;
    let text = file.source.slice(whole);
    if !text.contains('\n') {
        return;
    }
    let new = problem
        .help
        .as_deref()
        .and_then(|help| help.strip_prefix("write `")?.strip_suffix('`'));
    if let Some((start, changed)) = new.and_then(|new| changed_line(text, new)) {
        let (old, new) = changed;
        let start = whole.start as usize + start;
        label.location.span = Span::new(start, start + old.len());
        problem.help = Some(format!("write `{new}`").into());
        return;
    }
    let places = errors.iter().filter_map(|error| error.labels.first());
    let mut inside = places.filter(|place| whole.contains(place.location.span));
    if let Some(place) = inside.next() {
        label.location = place.location;
    }
}

/// The only line in which two texts differ: where it begins, and what it is in both.
fn changed_line<'t>(old: &'t str, new: &'t str) -> Option<(usize, (&'t str, &'t str))> {
    if old.lines().count() != new.lines().count() {
        return None;
    }
    let mut pairs = old.lines().zip(new.lines()).filter(|(old, new)| old != new);
    let (old_line, new_line) = pairs.next().filter(|_| pairs.next().is_none())?;
    let shown = old_line.trim();
    let start = shown.as_ptr() as usize - old.as_ptr() as usize;
    Some((start, (shown, new_line.trim())))
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
        Code::EmptyValue,
        Code::UnknownAttribute,
        Code::MissingRef,
    ];
    broken.retain(|_, problems| {
        let takes_in_tera = |problem: &Problem| problem.message.contains("can't come from Tera");
        problems
            .iter()
            .any(|problem| explains.contains(&problem.code) || takes_in_tera(problem))
    });
    broken
}

fn source_of(problem: &Problem) -> Option<SourceId> {
    problem.labels.first().map(|label| label.location.source)
}

/// The errors that `file` would have with another text.
fn errors_of(
    site: &Site<'_>,
    components: &Components<'_>,
    options: &Options,
    file: &File<'_>,
    text: &str,
) -> Vec<Problem> {
    let source = Source::new(file.source.name.clone(), file.source.path.clone(), text);
    let (tree, mut problems) = tree::tree(file.id, text, tag_prefix::prefix(text));
    problems.retain(|problem| problem.code.severity() == Severity::Error);
    let names = references(&tree);
    let missing = names
        .iter()
        .find(|reference| site.find(&reference.name).is_none());
    problems.extend(missing.map(|reference| oddity(file, Code::TemplateSyntax, reference.open.span)));
    let lost = lost_references(text, &tree);
    problems.extend((0..lost).map(|_| oddity(file, Code::MissingRef, Span::default())));
    problems.extend(
        tree.shown
            .iter()
            .map(|shown| oddity(file, Code::FragmentAsText, shown.tag)),
    );
    problems.extend(
        tree.stray_ends
            .iter()
            .map(|end| oddity(file, Code::UnmatchedEndTag, *end)),
    );
    if !problems.is_empty() || tree.unclosed.is_some() {
        problems.extend(
            tree.unclosed
                .map(|_| oddity(file, Code::TemplateSyntax, Span::default())),
        );
        return problems;
    }
    let uses = names.iter().filter_map(|reference| site.find(&reference.name));
    let file = File {
        id: file.id,
        source: &source,
        uses: uses.collect(),
        tree: Arc::new(tree),
    };
    syntax::errors_in(site, components, options, &file)
}

/// How many more `m:ref` stand in a text than offer a fragment: their tags may have lost the `<`.
fn lost_references(text: &str, tree: &Tree) -> usize {
    if !tree.may_offer {
        return 0;
    }
    let found = memchr::memmem::find_iter(text.as_bytes(), b":ref=").count();
    found.saturating_sub(tree.offers.len())
}

/// A problem that only counts: it is never shown.
fn oddity(file: &File<'_>, code: Code, span: Span) -> Problem {
    Problem::new(code, "", span.at(file.id), "")
}
