//! A workspace: the sites of the folders that an editor has open, and the documents that it edits.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::read::{FileKind, LoadedFile, SiteFiles, SitePaths};

use super::{
    edits::{self, Change, Document, Documents},
    findings::{self, Finding},
    positions::Encoding,
    site_state::SiteState,
};

/// The sites and open documents of an editor.
#[derive(Debug, Default)]
pub struct Workspace {
    pub(super) encoding: Encoding,
    pub(super) sites: Vec<SiteState>,
    pub(super) open: Documents,
    /// What the editor was told of each file, without files that have no problems.
    told: BTreeMap<PathBuf, Vec<Finding>>,
    /// Whether the editor was told what the last check found.
    is_told: bool,
    /// The files of which it is told again.
    tell_again: BTreeSet<PathBuf>,
}

/// All problems of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFindings {
    /// The file.
    pub path: PathBuf,
    /// The version of the document, if the editor has it open.
    pub version: Option<i32>,
    /// Its problems; empty where they are mended.
    pub findings: Vec<Finding>,
}

impl Workspace {
    /// A workspace without sites, for an editor that counts characters in this way.
    #[must_use]
    pub fn new(encoding: Encoding) -> Self {
        Workspace {
            encoding,
            ..Workspace::default()
        }
    }

    /// Replaces all sites. Documents stay open.
    pub fn set_sites(&mut self, sites: Vec<(SitePaths, SiteFiles)>) {
        let sites = sites
            .into_iter()
            .map(|(paths, files)| SiteState::new(paths, files));
        self.sites = sites.collect();
    }

    /// Where the sites are, in the order of their numbers.
    pub fn site_paths(&self) -> impl Iterator<Item = &SitePaths> {
        self.sites.iter().map(|site| &site.paths)
    }

    /// Replaces the files of the site with this number.
    pub fn set_files(&mut self, site: usize, files: SiteFiles) {
        if let Some(site) = self.sites.get_mut(site) {
            site.set_files(files);
        }
    }

    /// Takes a file of the site with this number as it is on the disk now. `None`: it is no longer there.
    pub(super) fn set_file(&mut self, site: usize, path: &Path, file: Option<(FileKind, LoadedFile)>) {
        if let Some(site) = self.sites.get_mut(site) {
            site.set_file(path, file, &self.open);
        }
    }

    /// The editor opens a document. A document that is open already is replaced.
    pub fn open(&mut self, path: PathBuf, version: i32, text: String) {
        if text.len() > edits::MAX_DOCUMENT_BYTES {
            self.close(&path);
            return;
        }
        self.open.insert(path.clone(), Document { version, text });
        self.document_changed(&path);
        self.tell_again.insert(path);
    }

    /// The editor changes an open document. A change of a document that is not open, or of a version before the last, is left out:
    /// its places mean another text.
    pub fn change(&mut self, path: &Path, version: i32, changes: Vec<Change>) {
        let Some(document) = self.open.get_mut(path) else {
            return;
        };
        if version < document.version {
            return;
        }
        document.version = version;
        if edits::apply(&mut document.text, changes, self.encoding) {
            self.document_changed(path);
        } else {
            // The places of later changes would mean another text.
            self.close(path);
        }
    }

    /// The editor closes a document: what the disk has counts again.
    pub fn close(&mut self, path: &Path) {
        if self.open.remove(path).is_some() {
            self.document_changed(path);
            self.tell_again.insert(path.to_owned());
        }
    }

    fn document_changed(&mut self, path: &Path) {
        for site in &mut self.sites {
            site.set_document(path, &self.open);
        }
    }

    /// Whether something changed since the last check.
    #[must_use]
    pub fn is_unchecked(&self) -> bool {
        !self.is_told || !self.tell_again.is_empty() || self.sites.iter().any(|site| site.is_unchecked)
    }

    /// Takes the files that came or went into the sites.
    pub(super) fn refresh(&mut self) {
        for site in &mut self.sites {
            site.refresh(&self.open);
        }
    }

    /// Checks the sites that changed.
    pub(super) fn check_silently(&mut self) {
        self.refresh();
        for site in self.sites.iter_mut().filter(|site| site.is_unchecked) {
            site.check();
            self.is_told = false;
        }
    }

    /// What the editor was told of a file.
    pub(super) fn told(&self, path: &Path) -> &[Finding] {
        self.told.get(path).map_or(&[], Vec::as_slice)
    }

    /// Checks the sites that changed. The result has the files whose problems are others than before, in the order of their paths.
    pub fn check(&mut self) -> Vec<FileFindings> {
        self.check_silently();
        self.is_told = true;
        let mut files: BTreeMap<PathBuf, Vec<Finding>> = BTreeMap::new();
        for site in &self.sites {
            let found = findings::by_file(
                &site.problems,
                &site.input.sources,
                self.encoding,
                &site.paths.templates,
            );
            for (path, findings) in found {
                let all = files.entry(path).or_default();
                // Two sites may have one folder of contracts.
                all.extend(
                    findings
                        .into_iter()
                        .filter(|finding| !all.contains(finding))
                        .collect::<Vec<_>>(),
                );
            }
        }
        let again = std::mem::take(&mut self.tell_again);
        let before = std::mem::replace(&mut self.told, files);
        let paths: BTreeSet<&PathBuf> = before.keys().chain(self.told.keys()).collect();
        let differs = |path: &&PathBuf| before.get(*path) != self.told.get(*path) || again.contains(*path);
        let told = paths.into_iter().filter(differs).map(|path| FileFindings {
            path: path.clone(),
            version: self.open.get(path).map(|document| document.version),
            findings: self.told.get(path).cloned().unwrap_or_default(),
        });
        told.collect()
    }
}
