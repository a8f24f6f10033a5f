#![doc = include_str!("../explain/duplicate-export.md")]
#![doc = include_str!("../explain/duplicate-import.md")]
//! ## Details
//!
//! The lists of an offered element, `m:imports` and `m:exports`, follow the same rule.
#![deny(clippy::disallowed_methods)]

use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashMap, HashSet},
};

use crate::{
    fragment::{Declared, Item, short},
    limits::{MAX_PROBLEMS_PER_CODE, MAX_WRITTEN_ITEMS},
    problem::{Code, Problem, ProblemCollector, collect_bounded},
    site::File,
    source::Span,
    suggest::free_alias,
    tree::FragmentNode,
};

use super::lists::pair;

pub(super) fn check(file: &File<'_>, fragments: &[&FragmentNode]) -> Vec<Problem> {
    let mut problems = ProblemCollector::default();
    let words = Words::of(&file.source.text);
    for node in fragments {
        let service = node
            .fragment
            .service
            .as_ref()
            .map_or("", |service| file.source.slice(service.span));
        let lists = [
            (&node.fragment.imports, Code::DuplicateImport, "imports"),
            (&node.fragment.exports, Code::DuplicateExport, "exports"),
        ];
        for (items, code, attribute) in lists {
            let written = WrittenList {
                items,
                attribute,
                service,
            };
            list(file, &written, code, &words, &mut problems);
        }
    }
    for tag in file
        .tree
        .offers
        .iter()
        .map(|offer| &offer.tag)
        .chain(&file.tree.attributes)
    {
        declared(file, &tag.imports, Code::DuplicateImport, &mut problems);
        declared(file, &tag.exports, Code::DuplicateExport, &mut problems);
        declared(
            file,
            tag.attributes.as_deref().unwrap_or_default(),
            Code::DuplicateAttribute,
            &mut problems,
        );
    }
    problems.into_problems()
}

/// A list of a tag.
struct WrittenList<'l> {
    items: &'l [Item],
    attribute: &'static str,
    /// The service of the tag, as it is written.
    service: &'l str,
}

/// The words of a text, which are collected when the first one is looked up.
struct Words<'t> {
    text: &'t str,
    all: OnceCell<HashSet<&'t str>>,
}

impl<'t> Words<'t> {
    fn of(text: &'t str) -> Self {
        Self {
            text,
            all: OnceCell::new(),
        }
    }

    fn contains(&self, word: &str) -> bool {
        let ends_word = |letter: char| !letter.is_ascii_alphanumeric() && letter != '_';
        let all = self.all.get_or_init(|| self.text.split(ends_word).collect());
        all.contains(word)
    }
}

fn list(
    file: &File<'_>,
    list: &WrittenList<'_>,
    code: Code,
    words: &Words<'_>,
    problems: &mut ProblemCollector,
) {
    let doubles = twice(list.items, |item| item.target());
    if doubles.is_empty() {
        return;
    }
    // Of further problems, most are only counted.
    let mended = (problems.len() < MAX_PROBLEMS_PER_CODE).then(|| mended(list, words));
    let list = mended
        .flatten()
        .map(|mended| format!("{}=\"{mended}\"", list.attribute));
    problems.add_all(collect_bounded(doubles, |(item, first)| {
        let problem = doubled(file, code, item.target(), item.target_span, first.target_span);
        let what = match item.name() == first.name() {
            true => "remove one of them",
            false => "give one of them another name",
        };
        problem.help(match &list {
            Some(list) => format!("{what}: `{list}`"),
            None => what.to_owned(),
        })
    }));
}

/// The list with each name once: what stands there twice is left out, and other values get free names. `None`: it is too long to
/// be pasted.
fn mended(list: &WrittenList<'_>, words: &Words<'_>) -> Option<String> {
    let WrittenList { items, service, .. } = *list;
    if items.len() > MAX_WRITTEN_ITEMS {
        return None;
    }
    let mut taken: BTreeSet<String> = items.iter().map(|item| item.target().to_owned()).collect();
    let mut first: HashMap<&str, &str> = HashMap::new();
    let mut list = Vec::with_capacity(items.len());
    for item in items {
        let (name, target) = (item.name(), item.target());
        let Some(before) = first.get(target) else {
            list.push(pair(name, target));
            first.insert(target, name);
            continue;
        };
        if *before == name {
            continue;
        }
        // The left side is often a good name by itself.
        let own = item
            .path()
            .last()
            .filter(|own| item.alias.is_some() && !taken.contains(*own));
        // What the rest of the page has stands in this file, most often.
        let is_taken = |alias: &str| taken.contains(alias) || words.contains(alias);
        let alias = own
            .map(str::to_owned)
            .unwrap_or_else(|| free_alias(target, service, &is_taken));
        list.push(pair(name, &alias));
        taken.insert(alias);
    }
    Some(list.join(", "))
}

fn declared(file: &File<'_>, declared: &[Declared], code: Code, problems: &mut ProblemCollector) {
    let doubles = twice(declared, |declared| &declared.name);
    problems.add_all(collect_bounded(doubles, |(again, first)| {
        let problem = doubled(file, code, &again.name, again.span, first.span);
        problem.help("remove one of them, or give it another name")
    }));
}

/// Those whose name stands before them already, each with the first of that name.
fn twice<'l, T>(items: &'l [T], name: impl Fn(&'l T) -> &'l str) -> Vec<(&'l T, &'l T)> {
    const FEW: usize = 16;
    let mut found = Vec::new();
    if items.len() <= FEW {
        for (index, item) in items.iter().enumerate().skip(1) {
            let first = items[..index].iter().find(|earlier| name(earlier) == name(item));
            found.extend(first.map(|first| (item, first)));
        }
        return found;
    }
    let mut seen: HashMap<&str, &T> = HashMap::new();
    for item in items {
        match seen.get(name(item)) {
            Some(first) => found.push((item, *first)),
            None => {
                seen.insert(name(item), item);
            }
        }
    }
    found
}

fn doubled(file: &File<'_>, code: Code, name: &str, again: Span, first: Span) -> Problem {
    let message = format!("`{}` stands twice in this list", short(name));
    Problem::new(code, message, again.at(file.id), "here again").label(first.at(file.id), "first here")
}
