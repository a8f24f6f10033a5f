//! One site of a workspace: its files, and what the last check left for the next.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    compile,
    input::{Input, Options},
    page_type::CrateTypes,
    parallel::each,
    problem::Problem,
    provided,
    read::{self, FileKind, LoadedFile, SiteFiles, SitePaths},
    site::{Parsed, Site},
    source::{Source, SourceId},
    syntax::KeptReads,
    tree::Tree,
};

use super::{edits::Documents, site_view::SiteView};

/// A site of a workspace.
#[derive(Debug, Default)]
pub(super) struct SiteState {
    pub(super) paths: SitePaths,
    options: Options,
    /// Its files as they are on the disk.
    disk: BTreeMap<PathBuf, (FileKind, LoadedFile)>,
    /// Its files as they are in the editor.
    pub(super) input: Input,
    /// The index of each file among the sources of the input.
    indices: HashMap<PathBuf, usize>,
    /// The templates as far as they are parsed.
    parsed: Vec<Option<Parsed>>,
    /// The Rust types, with whether templates name any.
    types: Option<(bool, CrateTypes)>,
    /// What Tera said at the last check.
    reads: KeptReads,
    /// What the last check found.
    pub(super) problems: Vec<Problem>,
    /// Whether the input has to be made anew, because files came or went.
    is_outdated: bool,
    /// Whether the input has changed since the last check.
    pub(super) is_unchecked: bool,
}

/// Another text for one template: its index, and its source.
pub(super) type Replaced<'s> = Option<(usize, &'s Source)>;

impl SiteState {
    pub(super) fn new(paths: SitePaths, files: SiteFiles) -> Self {
        let mut site = SiteState {
            paths,
            ..SiteState::default()
        };
        site.set_files(files);
        site
    }

    /// Takes all files as they are on the disk now.
    pub(super) fn set_files(&mut self, files: SiteFiles) {
        let files_of_disk = files.files.into_iter();
        self.disk = files_of_disk
            .map(|(kind, file)| (file.source.path.clone(), (kind, file)))
            .collect();
        self.options = files.options;
        self.outdate();
    }

    /// Takes one file as it is on the disk now. `None`: it is no longer there.
    pub(super) fn set_file(&mut self, path: &Path, file: Option<(FileKind, LoadedFile)>, open: &Documents) {
        match file {
            Some((kind, file)) if open.contains_key(path) || !self.replace(kind, path, &file) => {
                self.disk.insert(path.to_owned(), (kind, file));
                if !open.contains_key(path) {
                    self.outdate();
                }
            }
            Some((kind, file)) => {
                self.disk.insert(path.to_owned(), (kind, file));
            }
            None => {
                if self.disk.remove(path).is_some() && !open.contains_key(path) {
                    self.outdate();
                }
            }
        }
    }

    /// Takes the text of an open document, or after it was closed the text of the disk.
    pub(super) fn set_document(&mut self, path: &Path, open: &Documents) {
        let Some((kind, name)) = self.paths.kind(path) else {
            return;
        };
        let text = match open.get(path) {
            Some(document) => document.text.clone(),
            None => match self.disk.get(path) {
                Some((_, file)) if file.broken_at.is_none() => file.source.text.clone(),
                _ => return self.outdate(),
            },
        };
        let source = Source::new(name, path, text);
        let file = LoadedFile {
            source,
            broken_at: None,
        };
        if !self.replace(kind, path, &file) {
            self.outdate();
        }
    }

    fn outdate(&mut self) {
        self.is_outdated = true;
        self.is_unchecked = true;
    }

    /// Puts a new text in the place of the old one. `false`: the input has to be made anew.
    fn replace(&mut self, kind: FileKind, path: &Path, file: &LoadedFile) -> bool {
        let index = self.indices.get(path).copied();
        let Some(index) = index.filter(|_| !self.is_outdated && file.broken_at.is_none()) else {
            return false;
        };
        let id = SourceId(index as u32);
        let broken = self.input.broken.iter().flat_map(|problem| &problem.labels);
        if kind == FileKind::Contract || broken.into_iter().any(|label| label.location.source == id) {
            return false;
        }
        if self.input.sources[index].text == file.source.text {
            return true;
        }
        if self.lacks_provided(&file.source) {
            return false;
        }
        self.input.sources[index] = copied(&file.source);
        match kind {
            FileKind::Rust => self.types = None,
            _ => self.parsed[index] = None,
        }
        self.is_unchecked = true;
        true
    }

    /// Whether a text names a template that Hydra provides and that is not among the sources yet.
    fn lacks_provided(&self, source: &Source) -> bool {
        let is_known = |name: &str| self.input.template_sources().iter().any(|it| it.name == name);
        let named = provided::missing(&[source]);
        named.iter().any(|template| !is_known(&template.name))
    }

    /// Makes the input anew if files came or went.
    pub(super) fn refresh(&mut self, open: &Documents) {
        if !std::mem::take(&mut self.is_outdated) {
            return;
        }
        let mut kinds: [Vec<LoadedFile>; 3] = Default::default();
        for (path, (kind, file)) in &self.disk {
            let text = open.get(path).map(|document| &document.text);
            let copy = LoadedFile {
                broken_at: file.broken_at.filter(|_| text.is_none()),
                source: match text {
                    Some(text) => Source::new(file.source.name.clone(), path, text.clone()),
                    None => copied(&file.source),
                },
            };
            kinds[*kind as usize].push(copy);
        }
        for (path, document) in open.iter().filter(|(path, _)| !self.disk.contains_key(*path)) {
            if let Some((kind, name)) = self.paths.kind(path) {
                kinds[kind as usize].push(LoadedFile {
                    source: Source::new(name, path, document.text.clone()),
                    broken_at: None,
                });
            }
        }
        for files in &mut kinds {
            files.sort_by(|one, other| one.source.name.cmp(&other.source.name));
        }
        let [templates, contracts, rust] = kinds;
        let contracts = self.paths.contracts.as_ref().map(|_| contracts);
        self.input = read::assemble(self.options.clone(), templates, contracts, rust);
        let sources = self.input.sources.iter().enumerate();
        self.indices = sources
            .map(|(index, source)| (source.path.clone(), index))
            .collect();
        self.parsed = vec![None; self.input.templates];
        self.types = None;
    }

    /// Checks the site.
    pub(super) fn check(&mut self) {
        self.parse();
        self.is_unchecked = false;
        let Self {
            input,
            parsed,
            types,
            reads,
            problems,
            ..
        } = self;
        let mut site = Site::of(trees(input, parsed, None));
        let local = parsed
            .iter()
            .flatten()
            .flat_map(|parsed| parsed.problems.iter().cloned());
        let types = up_to_date(types, input, &site);
        *problems = compile::check_parsed(input, &mut site, local.collect(), types, reads);
    }

    /// What a check finds if one template has another text.
    pub(super) fn problems_with(&mut self, index: usize, source: &Source) -> Vec<Problem> {
        self.parse();
        let Self {
            input,
            parsed,
            types,
            reads,
            ..
        } = self;
        let id = SourceId(index as u32);
        let replaced = Parsed::of(id, source, false);
        let mut files = trees(input, parsed, None);
        files[index] = (source, replaced.tree.clone());
        let mut site = Site::of(files);
        let others = parsed
            .iter()
            .flatten()
            .enumerate()
            .filter(|(other, _)| *other != index);
        let local = others.flat_map(|(_, parsed)| parsed.problems.iter().cloned());
        let local = local.chain(replaced.problems).collect();
        let types = up_to_date(types, input, &site);
        compile::check_parsed(input, &mut site, local, types, reads)
    }

    /// The site as it stands, for a question about it. Of one template, another text may be taken.
    pub(super) fn view<'s>(&'s mut self, replaced: Replaced<'s>) -> SiteView<'s> {
        self.parse();
        let Self {
            input, parsed, types, ..
        } = self;
        let site = Site::of(trees(input, parsed, replaced));
        let types = up_to_date(types, input, &site);
        SiteView { site, input, types }
    }

    /// The index of a template, by its path.
    pub(super) fn template(&self, path: &Path) -> Option<usize> {
        let index = self.indices.get(path).copied();
        index.filter(|index| *index < self.input.templates)
    }

    /// Parses the templates that changed.
    fn parse(&mut self) {
        let broken = compile::broken(&self.input);
        let missing: Vec<usize> = (0..self.parsed.len())
            .filter(|index| self.parsed[*index].is_none())
            .collect();
        let parsed = each(&missing, |_, index| {
            let id = SourceId(*index as u32);
            Parsed::of(id, &self.input.sources[*index], broken.contains(&id))
        });
        for (index, parsed) in missing.into_iter().zip(parsed) {
            self.parsed[index] = Some(parsed);
        }
    }
}

/// The templates with their trees, which must be parsed. Of one, another text may be taken.
fn trees<'s>(
    input: &'s Input,
    parsed: &[Option<Parsed>],
    replaced: Replaced<'s>,
) -> Vec<(&'s Source, Arc<Tree>)> {
    let tree = |parsed: &Option<Parsed>| parsed.as_ref().map(|parsed| parsed.tree.clone());
    let files = input.template_sources().iter().zip(parsed);
    let mut files: Vec<_> = files
        .map(|(source, parsed)| (source, tree(parsed).unwrap_or_default()))
        .collect();
    if let Some((index, source)) = replaced
        && let Some(file) = files.get_mut(index)
    {
        *file = (source, Parsed::of(SourceId(index as u32), source, false).tree);
    }
    files
}

/// The Rust types, read again where they changed.
fn up_to_date<'t>(
    types: &'t mut Option<(bool, CrateTypes)>,
    input: &Input,
    site: &Site<'_>,
) -> &'t CrateTypes {
    let named = compile::names_rust_types(site);
    if types.as_ref().is_some_and(|(before, _)| *before != named) {
        *types = None;
    }
    &types
        .get_or_insert_with(|| (named, compile::types_of(input, site)))
        .1
}

fn copied(source: &Source) -> Source {
    Source::new(source.name.clone(), &source.path, source.text.clone())
}
