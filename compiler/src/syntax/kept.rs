//! What Tera said to each file at the last check. It says the same again if the file is as it was, and so is all that the answer depends on:
//! what the file includes or extends, the components of the site, the names of all files, and the options.
#![deny(clippy::disallowed_methods)]

use std::sync::Arc;

use crate::{input::Options, model::component_definitions, site::Site, tree::Tree};

use super::Read;

/// What Tera said at the last check.
#[derive(Debug, Default)]
pub(crate) struct KeptReads {
    /// The names of all files, in their order.
    names: Vec<String>,
    options: Options,
    /// The files that define components.
    components: Vec<Arc<Tree>>,
    /// By the index of the file.
    files: Vec<Option<KeptRead>>,
}

/// What Tera said to a file.
#[derive(Debug)]
struct KeptRead {
    /// The file, and all that it includes or extends, however far.
    trees: Vec<Arc<Tree>>,
    read: Read,
}

/// The last check as far as it counts for the next one, and the trees of that one.
pub(crate) struct Known<'k> {
    reads: &'k mut KeptReads,
    /// The trees as they were parsed, by the index of the file. Those of the site may have been changed since.
    trees: Vec<Arc<Tree>>,
}

impl<'k> Known<'k> {
    /// Before the next check of a site whose trees are as they were parsed.
    pub(crate) fn new(reads: &'k mut KeptReads, site: &Site<'_>) -> Self {
        let trees = site.files.iter().map(|file| file.tree.clone()).collect();
        Self { reads, trees }
    }

    /// Forgets what does not count any more.
    pub(super) fn begin(&mut self, site: &Site<'_>, options: &Options) {
        let trees = self.trees.iter();
        let components: Vec<_> = trees
            .filter(|tree| !component_definitions(tree).is_empty())
            .cloned()
            .collect();
        let names = site.files.iter().map(|file| &file.source.name);
        let kept = &*self.reads;
        if !names.clone().eq(&kept.names)
            || kept.options != *options
            || !are_same(&components, &kept.components)
        {
            *self.reads = KeptReads {
                names: names.cloned().collect(),
                options: options.clone(),
                components,
                files: Vec::new(),
            };
        }
        self.reads.files.resize_with(self.trees.len(), || None);
    }

    /// What Tera says to a file, if it is known.
    pub(super) fn find(&self, site: &Site<'_>, file: usize) -> Option<&Read> {
        let kept = self.reads.files.get(file)?.as_ref()?;
        are_same(&self.closure(site, file), &kept.trees).then_some(&kept.read)
    }

    /// Keeps what Tera said to a file.
    pub(super) fn keep(&mut self, site: &Site<'_>, file: usize, read: &Read) {
        let trees = self.closure(site, file);
        if let Some(place) = self.reads.files.get_mut(file) {
            let read = read.clone();
            *place = Some(KeptRead { trees, read });
        }
    }

    fn closure(&self, site: &Site<'_>, file: usize) -> Vec<Arc<Tree>> {
        let files = site.closure(file).into_iter();
        files.filter_map(|file| self.trees.get(file).cloned()).collect()
    }
}

/// Whether these are the same trees, and not only equal ones.
fn are_same(some: &[Arc<Tree>], others: &[Arc<Tree>]) -> bool {
    some.len() == others.len()
        && some
            .iter()
            .zip(others)
            .all(|(one, other)| Arc::ptr_eq(one, other))
}
