//! The files of a site for the editor: listed and read at the start, and again where they change.

use std::path::{Component, Path};

use rayon::prelude::*;

use super::{
    FileToRead, ReadError, SitePaths, TEMPLATE_ENDINGS,
    load::{self, LoadedFile},
    settings, walk,
};
use crate::input::Options;

/// The files of a site, as they are on the disk.
#[derive(Debug, Default)]
pub struct SiteFiles {
    /// What the build script and the settings state.
    pub options: Options,
    /// The files with their kinds.
    pub(crate) files: Vec<(FileKind, LoadedFile)>,
    /// What could not be read, one message each.
    pub unread: Vec<String>,
}

/// What a file is to its site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileKind {
    /// A template.
    Template,
    /// The contract of another service.
    Contract,
    /// A Rust file of the application.
    Rust,
}

impl SitePaths {
    /// What the file at a path is to this site, and its name. `None`: it does not belong to it.
    #[must_use]
    pub(crate) fn kind(&self, path: &Path) -> Option<(FileKind, String)> {
        let folders = [
            (FileKind::Template, Some(&self.templates), TEMPLATE_ENDINGS),
            (FileKind::Contract, self.contracts.as_ref(), &["json"][..]),
            (FileKind::Rust, self.rust.as_ref(), &["rs"][..]),
        ];
        folders.into_iter().find_map(|(kind, folder, endings)| {
            let relative = path.strip_prefix(folder?).ok()?;
            let is_hidden = |part: Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
            let counts = walk::ends_in(path, endings) && !relative.components().any(is_hidden);
            counts.then(|| (kind, walk::template_name(relative)))
        })
    }

    /// Reads all files of the site. What can't be read is left out, with a message.
    #[must_use]
    pub fn read(&self) -> SiteFiles {
        let mut unread = Vec::new();
        let settings = self.settings.as_deref();
        let options = settings::complete(self.options.clone(), settings, Some(&self.templates));
        let options = options.unwrap_or_else(|error| {
            unread.push(error.to_string());
            self.options.clone()
        });
        let mut wanted = Vec::new();
        for (kind, folder, endings) in [
            (FileKind::Template, Some(&self.templates), TEMPLATE_ENDINGS),
            (FileKind::Contract, self.contracts.as_ref(), &["json"][..]),
            (FileKind::Rust, self.rust.as_ref(), &["rs"][..]),
        ] {
            match folder.map(|folder| walk::files(folder, endings)) {
                Some(Ok(files)) => wanted.extend(files.into_iter().map(|file| (kind, file))),
                // A folder that vanished is a site without files.
                None | Some(Err(ReadError::Missing(_))) => {}
                Some(Err(error)) => unread.push(error.to_string()),
            }
        }
        let read: Vec<_> = wanted
            .into_par_iter()
            .map(|(kind, file)| load::load(file).map(|file| (kind, file)))
            .collect();
        let mut files = Vec::with_capacity(read.len());
        for read in read {
            match read {
                Ok((FileKind::Rust, file)) if !load::may_hold_types(&file) => {}
                Ok(file) => files.push(file),
                // It vanished after it was listed.
                Err(ReadError::Missing(_)) => {}
                Err(error) => unread.push(error.to_string()),
            }
        }
        SiteFiles {
            options,
            files,
            unread,
        }
    }

    /// Whether some template has Hydra's tags, attributes or namespace.
    #[must_use]
    pub fn names_hydra(&self) -> bool {
        const MARKS: [&[u8]; 5] = [
            b"<m:fragment",
            b" m:ref=",
            b" m:attributes=",
            b"m:exports=",
            b"getmedusa.io",
        ];
        let files = walk::files(&self.templates, TEMPLATE_ENDINGS).unwrap_or_default();
        files
            .into_par_iter()
            .filter_map(|file| load::load(file).ok())
            .any(|file| {
                let text = file.source.text.as_bytes();
                MARKS
                    .iter()
                    .any(|mark| memchr::memmem::find(text, mark).is_some())
            })
    }

    /// Reads one file of the site. `None`: it is not one, or is not there.
    ///
    /// # Errors
    /// When it can't be read.
    pub(crate) fn read_one(&self, path: &Path) -> Result<Option<(FileKind, LoadedFile)>, ReadError> {
        let Some((kind, name)) = self.kind(path) else {
            return Ok(None);
        };
        let path = path.to_owned();
        match load::load(FileToRead { name, path }) {
            Ok(file) if kind == FileKind::Rust && !load::may_hold_types(&file) => Ok(None),
            Ok(file) => Ok(Some((kind, file))),
            Err(ReadError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
