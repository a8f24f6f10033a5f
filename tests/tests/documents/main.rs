//! What the documents say is true: references resolve, tables of reference list what the code has, and the prose is plain.

mod commands;
mod metrics;
mod places;
mod prose;
mod references;
mod rules;
mod settings;
mod settings_files;

use std::{fs, path::Path};

use hydra_tests::workspace;

/// A document of the repository.
fn document(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Whether a Rust file is a test, judged by its path.
fn is_test(path: &Path) -> bool {
    let path = path.strip_prefix(workspace()).unwrap_or(path);
    let is_folder = path
        .iter()
        .any(|part| matches!(part.to_str(), Some("tests" | "benches" | "fixtures" | "examples")));
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    is_folder || stem == "tests" || stem.ends_with("_tests")
}

/// The text in the first pair of backticks of a cell.
fn code(cell: &str) -> Option<&str> {
    cell.split('`').nth(1)
}
