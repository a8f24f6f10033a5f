//! Reads a file into memory, up to the largest size.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use rayon::prelude::*;

use super::{FileToRead, ReadError};
use crate::limits::MAX_FILE_BYTES;
use crate::source::Source;

/// What marks a Rust file as one that has page types.
const PAGE_TYPE: &[u8] = b"page(";

/// What marks one that has structs which templates may look into, handlers of pages, or what handlers take.
const OTHERS: [&[u8]; 3] = [b"Serialize", b"Deserialize", b"Path<"];

/// A file that was read.
#[derive(Debug)]
pub(crate) struct LoadedFile {
    /// All of it that is UTF-8.
    pub(crate) source: Source,
    /// The first byte that is not.
    pub(crate) broken_at: Option<usize>,
}

/// Reads a file, or standard input for `-`.
pub(super) fn load(file: FileToRead) -> Result<LoadedFile, ReadError> {
    let bytes = if file.path.as_os_str() == "-" {
        bounded(io::stdin().lock(), 0, &file.path)?
    } else {
        let open = File::open(&file.path).map_err(|error| unreadable(&file.path, error))?;
        let size = open
            .metadata()
            .map_err(|error| unreadable(&file.path, error))?
            .len();
        bounded(open, size, &file.path)?
    };
    Ok(decode(file, bytes))
}

/// The Rust files that may hold page types, or types that are in them or that templates name. Others are not kept: they can be large
/// and say nothing about templates.
/// With `named`, templates may name Rust types, so the sources are read even if no page type exists. Rustc reports files that are not UTF-8.
pub(super) fn page_types(files: Vec<FileToRead>, named: bool) -> Result<Vec<LoadedFile>, ReadError> {
    let loaded: Vec<LoadedFile> = files.into_par_iter().map(load).collect::<Result<_, _>>()?;
    if !named && !loaded.iter().any(|file| holds(file, PAGE_TYPE)) {
        return Ok(Vec::new());
    }
    let mut kept: Vec<LoadedFile> = loaded.into_iter().filter(may_hold_types).collect();
    kept.sort_by(|one, other| one.source.name.cmp(&other.source.name));
    Ok(kept)
}

/// Whether a Rust file may hold page types, or types that are in them or that templates name.
pub(super) fn may_hold_types(file: &LoadedFile) -> bool {
    holds(file, PAGE_TYPE) || OTHERS.iter().any(|mark| holds(file, mark))
}

fn holds(loaded: &LoadedFile, mark: &[u8]) -> bool {
    loaded.broken_at.is_none() && memchr::memmem::find(loaded.source.text.as_bytes(), mark).is_some()
}

/// Reads to the end, but never more than a source may hold. `size` is what is likely to come.
fn bounded(from: impl Read, size: u64, path: &Path) -> Result<Vec<u8>, ReadError> {
    if size > MAX_FILE_BYTES {
        return Err(ReadError::TooLarge(path.to_owned()));
    }
    let mut bytes = Vec::with_capacity(size as usize);
    from.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, error))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ReadError::TooLarge(path.to_owned()));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, error: io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::NotFound => ReadError::Missing(path.to_owned()),
        _ => ReadError::Unreadable(path.to_owned(), error),
    }
}

fn decode(file: FileToRead, bytes: Vec<u8>) -> LoadedFile {
    let (text, broken_at) = match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            bytes.truncate(valid);
            (String::from_utf8(bytes).unwrap_or_default(), Some(valid))
        }
    };
    let path = if file.path.as_os_str() == "-" {
        Path::new("<stdin>")
    } else {
        &file.path
    };
    LoadedFile {
        source: Source::new(file.name, path, text),
        broken_at,
    }
}
