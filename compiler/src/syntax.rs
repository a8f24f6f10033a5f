//! Tera's own view of the templates: each is given to Tera with Hydra's tags blanked out, so that every byte stays in its place.
//!
//! Each file goes into a Tera of its own, with stand-ins for what it refers to. So the files can be read side by side, and a
//! mistake in one hides none in another.
#![deny(clippy::disallowed_methods)]

mod arguments;
mod blank;
mod include_cycles;
mod kept;
mod links;
mod names;
mod references;
mod tera_message;
#[cfg(test)]
mod tests;
mod unknown;

use std::collections::BTreeSet;

use tera::{ErrorKind, Kwargs, State, Tera, Value};

use crate::{
    engines,
    fragment::short,
    input::Options,
    limits::{MAX_BRANCH_DEPTH, MAX_PROBLEMS_PER_CODE, MAX_SUGGESTIONS},
    model::Components,
    parallel::each,
    problem::{Code, Problem, collect_bounded},
    site::{self, File, Site, extended, visit},
    source::Span,
    tree::{Node, SectionKind},
};

pub(crate) use blank::blanked;
use blank::{doubtful, with_stand_ins};
pub(crate) use kept::{KeptReads, Known};
use references::{References, is_block_name};
use unknown::NameKind;

/// The name of the file in its own Tera: no template can include a file of this name.
const NAME: &str = "\u{1}";

/// What Tera says to the files of a site.
#[derive(Debug, Default)]
pub(crate) struct Syntax {
    /// Its errors, and those of files that refer to each other.
    pub problems: Vec<Problem>,
    /// Names that other files should define, with the file that uses them.
    pub undefined: Vec<Undefined>,
    /// The files, by their index in the site, of which nothing more can be said.
    pub unreadable: BTreeSet<usize>,
}

/// A block or a component that no file defines.
#[derive(Debug)]
pub(crate) struct Undefined {
    /// The file that uses it, by its index in the site.
    pub file: usize,
    /// Whether it is a block, which only the parents of the file can define. Any file can define a component.
    pub is_block: bool,
    /// The report.
    pub problem: Problem,
}

/// What Tera says to one file.
#[derive(Clone, Debug, Default)]
struct Read {
    problems: Vec<Problem>,
    /// The names that other files should define, and whether each is a block.
    undefined: Vec<(bool, Problem)>,
    readable: bool,
}

impl Read {
    fn refused(problems: Vec<Problem>) -> Self {
        Self {
            problems,
            ..Self::default()
        }
    }
}

/// The errors that Tera finds in `file`, which is one of the site's with another text. Names that nothing defines aside.
pub(crate) fn errors_in(
    site: &Site<'_>,
    components: &Components<'_>,
    options: &Options,
    file: &File<'_>,
) -> Vec<Problem> {
    let read = check_file(site, components, options, file);
    if read.readable { Vec::new() } else { read.problems }
}

/// Reads all files of a site but those in `skip`, and those of which it is `known` what Tera says.
#[must_use]
pub(crate) fn check(
    site: &Site<'_>,
    components: &Components<'_>,
    options: &Options,
    skip: &BTreeSet<usize>,
    mut known: Option<Known<'_>>,
) -> Syntax {
    if let Some(known) = &mut known {
        known.begin(site, options);
    }
    let files: Vec<usize> = (0..site.files.len())
        .filter(|file| !skip.contains(file))
        .collect();
    let read = each(&files, |_, file| {
        let kept = known.as_ref().and_then(|known| known.find(site, *file));
        match kept {
            Some(kept) => (kept.clone(), false),
            None => (check_file(site, components, options, &site.files[*file]), true),
        }
    });
    let mut syntax = Syntax::default();
    for (file, (read, is_new)) in files.into_iter().zip(read) {
        if let Some(known) = known.as_mut().filter(|_| is_new) {
            known.keep(site, file, &read);
        }
        syntax.problems.extend(read.problems);
        let undefined = read.undefined.into_iter();
        syntax
            .undefined
            .extend(undefined.map(|(is_block, problem)| Undefined {
                file,
                is_block,
                problem,
            }));
        if !read.readable {
            syntax.unreadable.insert(file);
        }
    }
    links::check(site, components, skip, &mut syntax);
    syntax
}

/// A Tera with stand-ins for what the application adds.
fn base(options: &Options) -> Tera {
    let mut tera = Tera::default();
    for name in names::OURS {
        tera.register_function(name, |_: Kwargs, _: &State| Value::none());
    }
    for name in &options.functions {
        tera.register_function(name.clone(), |_: Kwargs, _: &State| Value::none());
    }
    for name in &options.filters {
        tera.register_filter(name.clone(), |value: Value, _: Kwargs, _: &State| value);
    }
    for name in &options.tests {
        tera.register_test(name.clone(), |_: Value, _: Kwargs, _: &State| true);
    }
    tera
}

/// The problems of a file, and whether it can be read at all.
fn check_file(site: &Site<'_>, components: &Components<'_>, options: &Options, file: &File<'_>) -> Read {
    if file.tree.statements
        && let Some(span) = too_deep(&file.tree.nodes, 0)
    {
        return Read::refused(vec![too_many_branches(file, span)]);
    }
    if let Some(problem) = late_extends(file) {
        return Read::refused(vec![problem]);
    }
    let mut problems = outside_of_blocks(file);
    if !problems.is_empty() {
        // Tera would say the same of their fallbacks.
        return Read::refused(problems);
    }
    let parent = extended(&file.tree.nodes).map(|found| (found.name.as_str(), blocks_of_parents(site, file)));
    // Tera keeps a template for each name that is included, and there may be one in every few bytes.
    let text = with_stand_ins(&file.tree, &file.source.text);
    let known = names::KnownNames { components, options };
    // A parent that is missing, or comes round to itself, has a report of its own.
    let blocks = parent.as_ref().filter(|_| ends_well(site, file));
    let references = References::of(file, &known, blocks.map(|(_, blocks)| blocks));
    let orphans = match (&parent, blocks) {
        (Some(_), None) => references.blocks(),
        _ => 0,
    };
    if references.unknown.len() + missing(site, file) + orphans > MAX_PROBLEMS_PER_CODE && !is_astray(file) {
        // Tera would need a stand-in for each of them, many times as large as its name. These mistakes come first.
        let mut read = unknown(&references, &known, file);
        let undefined = read.undefined.drain(..).map(|(_, problem)| problem);
        read.problems.extend(undefined);
        read.readable = false;
        return read;
    }
    let stand_ins = references.templates();
    let parent = parent.map(|(name, _)| (name, references.parent()));
    let read = |text: &str| {
        let mut tera = base(options);
        references.stand_in(&mut tera);
        let included = stand_ins
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()));
        // The parent comes last: a file may include it as well.
        let parent = parent.as_ref().map(|(name, blocks)| (*name, blocks.as_str()));
        tera.add_raw_templates(included.chain(parent).chain([(NAME, text)]))
    };
    let unknown = || unknown(&references, &known, file);
    // Text takes most of Tera's time, and only in a child template it can be wrong. Where Tera has something to say, it is asked
    // again with the text, for the places.
    if parent.is_none() {
        let doubtful = doubtful(&file.tree, &text);
        if !doubtful.contains('{') || read(&doubtful).is_ok() {
            return unknown();
        }
    }
    let Err(error) = read(&blanked(&file.tree, &text)) else {
        return unknown();
    };
    match error.kind() {
        ErrorKind::SyntaxError(report) if report.filename() == NAME => {
            let span = Span::new(report.span().range.start, report.span().range.end);
            problems.push(tera_message::syntax_error(file, span, report.message()));
            Read::refused(problems)
        }
        // Circles and missing files have reports of their own.
        _ => unknown(),
    }
}

/// The problems of the names that a file uses and nothing defines.
fn unknown(references: &References<'_>, known: &names::KnownNames<'_>, file: &File<'_>) -> Read {
    let problems_of = |kind: Option<NameKind>| {
        let is_other = |name: NameKind| !matches!(name, NameKind::Block | NameKind::Component);
        let unknown = references.unknown.iter().enumerate();
        let unknown = unknown.filter(|(_, unknown)| match kind {
            Some(kind) => unknown.kind == kind,
            None => is_other(unknown.kind),
        });
        collect_bounded(unknown, |(index, unknown)| {
            known.problem(file, unknown, index < MAX_SUGGESTIONS)
        })
    };
    let blocks = problems_of(Some(NameKind::Block))
        .into_iter()
        .map(|problem| (true, problem));
    let components = problems_of(Some(NameKind::Component))
        .into_iter()
        .map(|problem| (false, problem));
    let foreign = collect_bounded(references.foreign.iter(), |span| {
        engines::unmeant(file.id, &file.source.text, *span)
    });
    let nodes = file.tree.nodes.iter().filter(|_| references.has_globals);
    let globals = nodes.filter_map(|node| match node {
        Node::Set(set) if set.global => Some(set.open.span),
        _ => None,
    });
    let globals = collect_bounded(globals, |span| engines::unmeant(file.id, &file.source.text, span));
    let mut problems = problems_of(None);
    problems.extend(collect_bounded(references.misused.iter(), |misuse| {
        misuse.problem(file.id)
    }));
    problems.extend(foreign);
    problems.extend(globals);
    Read {
        undefined: blocks.chain(components).collect(),
        problems,
        readable: true,
    }
}

/// Whether a file has a statement that has no place where it stands: Tera says why.
fn is_astray(file: &File<'_>) -> bool {
    let mut is_astray = false;
    visit(&file.tree.nodes, &mut |node| {
        is_astray |= matches!(node, Node::Other(_))
    });
    is_astray
}

/// How many of the files are missing that a file refers to.
fn missing(site: &Site<'_>, file: &File<'_>) -> usize {
    let references = site::references(&file.tree);
    references
        .iter()
        .filter(|reference| site.find(&reference.name).is_none())
        .count()
}

/// Whether all parents of a file are there, and none comes round.
fn ends_well(site: &Site<'_>, file: &File<'_>) -> bool {
    let Some(parent) = extended(&file.tree.nodes) else {
        return true;
    };
    let Some(parent) = site.find(&parent.name) else {
        return false;
    };
    let last = site.parents(parent).last().copied().unwrap_or(parent);
    extended(&site.files[last].tree.nodes).is_none()
}

/// The first place at which Tera's parser would go too deep.
fn too_deep(nodes: &[Node], depth: usize) -> Option<Span> {
    nodes.iter().find_map(|node| {
        if let Node::If(node) = node {
            let over = MAX_BRANCH_DEPTH
                .checked_sub(depth)
                .and_then(|left| node.arms.get(left));
            if let Some(arm) = over {
                return Some(arm.open.span);
            }
            let arms = node.arms.iter().enumerate();
            return arms
                .map(|(index, arm)| (&arm.body, depth + index + 1))
                .find_map(|(body, at)| too_deep(body, at));
        }
        let mut bodies = node.has_bodies().then(|| node.bodies()).into_iter().flatten();
        bodies.find_map(|body| too_deep(body, depth + 1))
    })
}

fn too_many_branches(file: &File<'_>, span: Span) -> Problem {
    let message = format!("more than {MAX_BRANCH_DEPTH} branches lie inside each other, `elif`s counted");
    Problem::new(Code::TooDeep, message, span.at(file.id), "this is one too many")
        .help("look the value up in a map that the handler gives the page")
}

/// An `extends` behind something that Tera would print.
fn late_extends(file: &File<'_>) -> Option<Problem> {
    let text = &file.source.text;
    let mut before = file
        .tree
        .nodes
        .iter()
        .take_while(|node| !matches!(node, Node::Reference(found) if found.extends));
    let found = extended(&file.tree.nodes)?;
    let first = before.find(|node| {
        let shown = text.get(node.span().range()).unwrap_or_default();
        match node {
            Node::Text(_) => !shown
                .trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
                .is_empty(),
            Node::Opaque(_) => !shown.starts_with("{#"),
            Node::Cut(_) => false,
            _ => true,
        }
    })?;
    let message = "`extends` has to be the first statement of its template";
    let statement = text.get(found.open.span.range()).unwrap_or_default();
    Some(
        Problem::new(
            Code::TemplateSyntax,
            message,
            found.open.span.at(file.id),
            "stands too late",
        )
        .label(first.span().at(file.id), "this stands before it")
        .help(format!(
            "move `{}` to the top of the file, and what is shown before it into a block",
            short(statement)
        )),
    )
}

/// Fragments in a child template that stand in no block: Tera would drop them.
fn outside_of_blocks(file: &File<'_>) -> Vec<Problem> {
    let nodes = &file.tree.nodes;
    // With a statement that is not closed, what stands in a block can't be told.
    if extended(nodes).is_none() || nodes.iter().any(|node| matches!(node, Node::Other(_))) {
        return Vec::new();
    }
    let fragments = file.tree.nodes.iter().filter_map(|node| match node {
        Node::Fragment(fragment) => Some(fragment),
        _ => None,
    });
    collect_bounded(fragments, |fragment| {
        let message = "this fragment would never be shown: it stands outside of the template's blocks";
        Problem::new(
            Code::TemplateSyntax,
            message,
            fragment.open.at(file.id),
            "in no block",
        )
        .help("move it into a `{% block … %}` of the parent template")
    })
}

/// The blocks of all parents of a file.
fn blocks_of_parents<'n>(site: &'n Site<'_>, file: &File<'_>) -> BTreeSet<&'n str> {
    let mut blocks = BTreeSet::new();
    // Whatever it includes besides only makes this more lenient by a block.
    let used: BTreeSet<usize> = file.uses.iter().flat_map(|used| site.closure(*used)).collect();
    for used in used {
        visit(&site.files[used].tree.nodes, &mut |node| {
            if let Node::Section(section) = node
                && section.kind == SectionKind::Block
                && is_block_name(&section.name)
            {
                blocks.insert(section.name.as_str());
            }
        });
    }
    blocks
}
