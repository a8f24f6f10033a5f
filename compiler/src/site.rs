//! All templates of a run: their trees, and which of them includes or extends which.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    parallel::each,
    problem::Problem,
    source::{Location, Source, SourceId},
    tag_prefix,
    tree::{self, Form, FragmentNode, Node, Reference, Tree},
};

/// The templates of a run.
#[derive(Debug)]
pub struct Site<'s> {
    /// The templates, in the order of their names.
    pub files: Vec<File<'s>>,
    by_name: BTreeMap<&'s str, usize>,
}

/// A template.
#[derive(Debug)]
pub struct File<'s> {
    /// Its place in the run's sources.
    pub id: SourceId,
    /// Its text.
    pub source: &'s Source,
    /// What it says. A language server keeps it for the next check.
    pub tree: Arc<Tree>,
    /// The index in [`Site::files`] of each file that it includes or extends, in document order.
    pub uses: Vec<usize>,
}

/// A template as it is parsed by itself.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What it says.
    pub tree: Arc<Tree>,
    /// The problems that it has by itself.
    pub problems: Vec<Problem>,
}

impl Parsed {
    /// Parses a template. `broken`: it is taken as empty.
    #[must_use]
    pub fn of(id: SourceId, source: &Source, broken: bool) -> Self {
        let text = if broken { "" } else { source.text.as_str() };
        let (tree, problems) = tree::tree(id, text, tag_prefix::prefix(text));
        Parsed {
            tree: Arc::new(tree),
            problems,
        }
    }
}

impl<'s> Site<'s> {
    /// Parses the templates; those in `broken` are taken as empty. The problems are those that one file has by itself.
    #[must_use]
    pub fn parse(templates: &'s [Source], broken: &BTreeSet<SourceId>) -> (Site<'s>, Vec<Problem>) {
        let parsed = each(templates, |index, source| {
            let id = SourceId(index as u32);
            Parsed::of(id, source, broken.contains(&id))
        });
        let mut problems = Vec::new();
        let files = templates.iter().zip(parsed).map(|(source, parsed)| {
            problems.extend(parsed.problems);
            (source, parsed.tree)
        });
        (Site::of(files.collect()), problems)
    }

    /// The site of templates that are parsed already, in the order of their names.
    #[must_use]
    pub fn of(parsed: Vec<(&'s Source, Arc<Tree>)>) -> Site<'s> {
        let names = parsed.iter().enumerate();
        let by_name: BTreeMap<_, _> = names
            .map(|(index, (source, _))| (source.name.as_str(), index))
            .collect();
        let files = parsed.into_iter().enumerate().map(|(index, (source, tree))| {
            let names = references(&tree);
            let uses = names
                .iter()
                .filter_map(|used| by_name.get(used.name.as_str()).copied());
            File {
                id: SourceId(index as u32),
                source,
                uses: uses.collect(),
                tree,
            }
        });
        let files = files.collect();
        Site { files, by_name }
    }

    /// The file of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// A file and all that it includes or extends, however far, each once, the file first.
    #[must_use]
    pub fn closure(&self, file: usize) -> Vec<usize> {
        self.closure_of(BTreeSet::from([file]))
    }

    /// The same for several files: these come first.
    #[must_use]
    pub(crate) fn closure_of(&self, files: BTreeSet<usize>) -> Vec<usize> {
        let mut found: Vec<usize> = files.iter().copied().collect();
        let mut seen = files;
        let mut next = 0;
        while let Some(file) = found.get(next).copied() {
            found.extend(
                self.files[file]
                    .uses
                    .iter()
                    .copied()
                    .filter(|used| seen.insert(*used)),
            );
            next += 1;
        }
        found
    }

    /// A page's own forms, each with the place of its `m:action`: those of the file and of all that it includes or extends, outside of
    /// fragments.
    pub(crate) fn page_forms(&self, page: usize) -> Vec<(Location, &Form)> {
        let closure = self.closure(page);
        let files = closure.iter().filter_map(|file| self.files.get(*file));
        let forms = files.flat_map(|file| {
            let forms = file.tree.page_forms();
            forms.map(|form| (form.attribute.at(file.id), form))
        });
        forms.collect()
    }

    /// The files that are pages: those that no other file includes or extends.
    #[must_use]
    pub fn pages(&self) -> Vec<usize> {
        let used: BTreeSet<usize> = self
            .files
            .iter()
            .flat_map(|file| file.uses.iter().copied())
            .collect();
        (0..self.files.len())
            .filter(|file| !used.contains(file))
            .collect()
    }

    /// The file that a file extends, if it is one of this site.
    #[must_use]
    pub fn parent(&self, file: usize) -> Option<usize> {
        extended(&self.files[file].tree.nodes).and_then(|reference| self.find(&reference.name))
    }

    /// The files that a file extends, directly or not, the nearest first. A circle ends where it closes.
    #[must_use]
    pub fn parents(&self, file: usize) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        let mut next = self.parent(file);
        while let Some(parent) = next.filter(|parent| *parent != file && !found.contains(parent)) {
            found.push(parent);
            next = self.parent(parent);
        }
        found
    }
}

/// The `extends` of a template.
#[must_use]
pub fn extended(nodes: &[Node]) -> Option<&Reference> {
    nodes.iter().find_map(|node| match node {
        Node::Reference(reference) if reference.extends => Some(reference.as_ref()),
        _ => None,
    })
}

/// The `include`s and `extends` of a file, however deep.
#[must_use]
pub fn references(tree: &Tree) -> Vec<&Reference> {
    let mut found = Vec::new();
    if !tree.statements {
        return found;
    }
    visit(&tree.nodes, &mut |node| {
        if let Node::Reference(reference) = node {
            found.push(reference.as_ref());
        }
    });
    found
}

/// The fragments among the nodes, however deep, in document order.
#[must_use]
pub fn fragments(nodes: &[Node]) -> Vec<&FragmentNode> {
    let mut found = Vec::new();
    visit(nodes, &mut |node| {
        if let Node::Fragment(fragment) = node {
            found.push(fragment.as_ref());
        }
    });
    found
}

/// Calls `see` for each node, outer ones first. The depth is bounded by `MAX_TAG_DEPTH` and `MAX_STATEMENT_DEPTH`.
pub fn visit<'n>(nodes: &'n [Node], see: &mut impl FnMut(&'n Node)) {
    for node in nodes {
        see(node);
        match node {
            Node::Fragment(fragment) => visit(&fragment.fallback, see),
            node if node.has_bodies() => node.bodies().for_each(|body| visit(body, see)),
            _ => {}
        }
    }
}
