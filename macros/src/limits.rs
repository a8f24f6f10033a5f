//! The bounds of the search for `app!()` in a crate's sources. Beyond them the search gives up, and reports nothing.

/// How many Rust files of a crate are read. The search runs in every build, and must not make it slow.
pub(crate) const MAX_FILES_READ: usize = 5_000;

/// How deep the folders of a crate are followed. Links that lead in a circle have no end.
pub(crate) const MAX_FOLDER_DEPTH: usize = 32;
