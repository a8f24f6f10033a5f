//! The files of a folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::limits::{MAX_FILES_PER_FOLDER, MAX_FOLDER_DEPTH};

use super::{FileToRead, ReadError};

/// One walk through a folder.
struct Walk<'a> {
    root: &'a Path,
    endings: &'a [&'a str],
    /// The real paths of the folders around the current one: a link back to one of them is not followed.
    around: Vec<PathBuf>,
    seen: usize,
    found: Vec<FileToRead>,
}

/// All files under `root` with one of these endings, sorted by name. Hidden ones are left out, links are followed.
///
/// # Errors
/// When `root` is not a folder, or something in it can't be listed.
pub(super) fn files(root: &Path, endings: &[&str]) -> Result<Vec<FileToRead>, ReadError> {
    if !root.exists() {
        return Err(ReadError::Missing(root.to_owned()));
    }
    if !root.is_dir() {
        return Err(ReadError::NoFolder(root.to_owned()));
    }
    let mut walk = Walk {
        root,
        endings,
        around: Vec::new(),
        seen: 0,
        found: Vec::new(),
    };
    walk.folder(root)?;
    walk.found.sort();
    Ok(walk.found)
}

/// Whether the name of a file ends in one of these, in any case.
pub(super) fn ends_in(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| endings.iter().any(|known| known.eq_ignore_ascii_case(ending)))
}

/// The name of a template: its path in the folder, with `/` on every system.
pub(super) fn template_name(relative: &Path) -> String {
    let parts: Vec<_> = relative
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path) -> Result<(), ReadError> {
        let real = folder.canonicalize().map_err(|error| unreadable(folder, error))?;
        if self.around.contains(&real) {
            return Ok(());
        }
        if self.around.len() >= MAX_FOLDER_DEPTH {
            return Err(ReadError::TooMany(self.root.to_owned()));
        }
        self.around.push(real);
        let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(folder, error))?;
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                self.entry(&entry)?;
            }
        }
        self.around.pop();
        Ok(())
    }

    fn entry(&mut self, entry: &fs::DirEntry) -> Result<(), ReadError> {
        self.seen += 1;
        if self.seen > MAX_FILES_PER_FOLDER {
            return Err(ReadError::TooMany(self.root.to_owned()));
        }
        let path = entry.path();
        let mut kind = entry.file_type().map_err(|error| unreadable(&path, error))?;
        if kind.is_symlink() {
            // A link to nothing is not a template.
            let Ok(target) = fs::metadata(&path) else {
                return Ok(());
            };
            kind = target.file_type();
        }
        if kind.is_dir() {
            return self.folder(&path);
        }
        if kind.is_file() && ends_in(&path, self.endings) {
            let name = template_name(path.strip_prefix(self.root).unwrap_or(&path));
            self.found.push(FileToRead { name, path });
        }
        Ok(())
    }
}

fn unreadable(path: &Path, error: io::Error) -> ReadError {
    ReadError::Unreadable(path.to_owned(), error)
}
