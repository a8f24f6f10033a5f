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
pub(super) struct Loaded {
    /// All of it that is UTF-8.
    pub(super) source: Source,
    /// The first byte that is not.
    pub(super) broken_at: Option<usize>,
}

/// Reads a file, or standard input for `-`.
pub(super) fn load(file: FileToRead) -> Result<Loaded, ReadError> {
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
pub(super) fn page_types(files: Vec<FileToRead>, named: bool) -> Result<Vec<Loaded>, ReadError> {
    let loaded: Vec<Loaded> = files.into_par_iter().map(load).collect::<Result<_, _>>()?;
    if !named && !loaded.iter().any(|file| holds(file, PAGE_TYPE)) {
        return Ok(Vec::new());
    }
    let is_kept = |file: &Loaded| holds(file, PAGE_TYPE) || OTHERS.iter().any(|mark| holds(file, mark));
    let mut kept: Vec<Loaded> = loaded.into_iter().filter(is_kept).collect();
    kept.sort_by(|one, other| one.source.name.cmp(&other.source.name));
    Ok(kept)
}

fn holds(loaded: &Loaded, mark: &[u8]) -> bool {
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

fn decode(file: FileToRead, bytes: Vec<u8>) -> Loaded {
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
    Loaded {
        source: Source::new(file.name, path, text),
        broken_at,
    }
}
