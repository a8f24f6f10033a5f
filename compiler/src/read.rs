//! From files to [`Input`]: the edge where the compiler touches the disk.
//!
//! A folder is walked, and files whose names end in one of [`TEMPLATE_ENDINGS`] are its templates; a file that is
//! named itself is a template whatever its ending, and `-` is standard input. Hidden files are left out.

mod contracts;
mod load;
mod settings;
#[cfg(test)]
mod tests;
mod walk;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use hydra_contract::Contract;
use rayon::prelude::*;

use crate::{
    input::{Input, Options},
    problem::{Code, Problem},
    report,
    source::{Source, SourceId, Span},
};
use load::Loaded;

/// The endings that make a file in a folder a template, in any case. Tera escapes in `.html`, `.htm` and `.xml`.
pub const TEMPLATE_ENDINGS: &[&str] = &["html", "htm", "xhtml", "xml", "txt", "tera"];

/// The name that standard input has as a template.
pub const STDIN_NAME: &str = "stdin.html";

/// Where the files of a run are.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Folders of templates, templates, or `-` for standard input.
    pub templates: Vec<PathBuf>,
    /// The folder with the contracts of other services: one JSON file each.
    pub contracts: Option<PathBuf>,
    /// The folder with the Rust files of the application.
    pub rust: Option<PathBuf>,
}

/// How far reading has come. Another thread may look at it at any time.
#[derive(Debug, Default)]
pub struct Progress {
    /// How many templates there are; 0 while that is not known.
    pub total: AtomicUsize,
    /// How many of them were read.
    pub done: AtomicUsize,
}

/// Why there is nothing to check.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The path leads nowhere.
    #[error("`{}` does not exist", .0.display())]
    Missing(PathBuf),
    /// It is not the folder that it should be.
    #[error("`{}` is not a folder", .0.display())]
    NoFolder(PathBuf),
    /// There is no template in it.
    #[error("no templates in `{}`: a template's name ends in {}", .0.display(), endings())]
    NoTemplates(PathBuf),
    /// The file can't be read.
    #[error("can't read `{}`: {}", .0.display(), .1)]
    Unreadable(PathBuf, #[source] io::Error),
    /// The file is larger than [`Source::MAX_SIZE`].
    #[error("`{}` is larger than {} MiB", .0.display(), Source::MAX_SIZE >> 20)]
    TooLarge(PathBuf),
    /// The folders nest too deep or hold too many files: likely links that lead in a circle.
    #[error("`{}` holds too many files or folders to be a template folder", .0.display())]
    TooMany(PathBuf),
    /// Two of the files would have one name in Tera.
    #[error("`{}` and `{}` are both the template `{}`: check them one after the other", .1.display(), .2.display(), .0)]
    SameName(String, PathBuf, PathBuf),
    /// The file is no contract. The text names the place and the reason.
    #[error("{0}")]
    BadContract(String),
    /// `hydra.toml` can't be read as settings.
    #[error("`{}`: {}", .0.display(), .1)]
    Settings(PathBuf, String),
}

fn endings() -> String {
    TEMPLATE_ENDINGS
        .iter()
        .map(|ending| format!(".{ending}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A file to read: its name for Tera and its path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    name: String,
    path: PathBuf,
}

/// Reads all files of a run. `options` are completed by the `[compile]` table of a `hydra.toml` in or beside the
/// first place of templates.
///
/// # Errors
/// Where a named place is not there or can't be read. What is wrong *inside* a file is not an error here but a
/// [`Problem`] in [`Input::broken`].
pub fn read(places: &Places, options: Options, progress: &Progress) -> Result<Input, ReadError> {
    let options = settings::complete(options, places.templates.first().map(PathBuf::as_path))?;
    let mut input = Input {
        options,
        contracts_given: places.contracts.is_some(),
        ..Input::default()
    };
    let wanted = template_files(&places.templates)?;
    progress.total.store(wanted.len(), Ordering::Relaxed);
    for loaded in load_all(wanted, progress)? {
        push_source(&mut input, loaded);
    }
    input.templates = input.sources.len();
    if let Some(folder) = &places.contracts {
        contracts::add(
            &mut input,
            load_all(contract_files(folder)?, &Progress::default())?,
        );
    }
    if let Some(folder) = &places.rust {
        for loaded in load::page_types(walk::files(folder, &["rs"])?)? {
            push_source(&mut input, loaded);
        }
    }
    Ok(input)
}

/// Reads one contract.
///
/// # Errors
/// Where the file can't be read or is no contract.
pub fn contract(path: &Path) -> Result<Contract, ReadError> {
    let name = walk::template_name(path.file_name().map_or(path, Path::new));
    let loaded = load::load(Wanted {
        name,
        path: path.to_owned(),
    })?;
    let mut input = Input::default();
    contracts::add(&mut input, vec![loaded]);
    if let Some(problem) = input.broken.first() {
        return Err(ReadError::BadContract(report::line(problem, &input.sources)));
    }
    Ok(input
        .contracts
        .into_values()
        .map(|known| known.contract)
        .next()
        .unwrap_or_default())
}

/// Whether [`read`] would take a file of that name in a folder as a template.
#[must_use]
pub fn is_template(path: &Path) -> bool {
    walk::ends_in(path, TEMPLATE_ENDINGS)
}

/// The settings files that a run over these templates reads.
pub(crate) fn settings_files(templates: &Path) -> Vec<PathBuf> {
    settings::candidates(templates)
        .into_iter()
        .filter(|path| path.exists())
        .collect()
}

/// Whether a source is a Rust file.
pub(crate) fn is_rust(path: &Path) -> bool {
    walk::ends_in(path, &["rs"])
}

/// Adds a source, and the problem that it is not UTF-8 where it is not. Says which source it became.
fn push_source(input: &mut Input, loaded: Loaded) -> SourceId {
    let id = SourceId(input.sources.len() as u32);
    if let Some(offset) = loaded.broken_at {
        input.broken.push(not_utf8(&loaded.source, id, offset));
    }
    input.sources.push(loaded.source);
    id
}

fn not_utf8(source: &Source, id: SourceId, offset: usize) -> Problem {
    let message = format!("`{}` is not UTF-8 at byte {offset}", source.name);
    Problem::new(
        Code::NotUtf8,
        message,
        Span::new(offset, offset).at(id),
        "UTF-8 ends here",
    )
    .help("save the file as UTF-8: templates have no other encoding")
}

fn contract_files(folder: &Path) -> Result<Vec<Wanted>, ReadError> {
    let mut wanted = walk::files(folder, &["json"])?;
    wanted.sort();
    Ok(wanted)
}

/// The templates at all paths, sorted by name.
fn template_files(paths: &[PathBuf]) -> Result<Vec<Wanted>, ReadError> {
    let mut wanted = Vec::new();
    let root = common_folder(paths.iter().filter(|path| !path.is_dir()));
    for path in paths {
        if path.is_dir() {
            let files = walk::files(path, TEMPLATE_ENDINGS)?;
            if files.is_empty() {
                return Err(ReadError::NoTemplates(path.clone()));
            }
            wanted.extend(files);
        } else if path.as_os_str() == "-" {
            wanted.push(Wanted {
                name: STDIN_NAME.to_owned(),
                path: path.clone(),
            });
        } else if path.exists() {
            let name = walk::template_name(path.strip_prefix(&root).unwrap_or(path));
            wanted.push(Wanted {
                name,
                path: path.clone(),
            });
        } else {
            return Err(ReadError::Missing(path.clone()));
        }
    }
    wanted.sort();
    wanted.dedup();
    refuse_same_names(&wanted)?;
    Ok(wanted)
}

/// The deepest folder that holds all files which were named one by one. Their names start there.
fn common_folder<'a>(files: impl Iterator<Item = &'a PathBuf>) -> PathBuf {
    let parents = files
        .filter(|path| path.as_os_str() != "-")
        .filter_map(|path| path.parent());
    let common = |left: PathBuf, right: &Path| {
        let same = left
            .components()
            .zip(right.components())
            .take_while(|(one, other)| one == other);
        same.map(|(component, _)| component).collect()
    };
    let mut parents = parents;
    let first = parents.next().map(Path::to_path_buf).unwrap_or_default();
    parents.fold(first, common)
}

fn refuse_same_names(wanted: &[Wanted]) -> Result<(), ReadError> {
    let mut seen: BTreeMap<&str, &Path> = BTreeMap::new();
    for file in wanted {
        if let Some(other) = seen.insert(&file.name, &file.path) {
            return Err(ReadError::SameName(
                file.name.clone(),
                other.to_path_buf(),
                file.path.clone(),
            ));
        }
    }
    Ok(())
}

/// Reads all files on all cores, in the order given.
fn load_all(wanted: Vec<Wanted>, progress: &Progress) -> Result<Vec<Loaded>, ReadError> {
    wanted
        .into_par_iter()
        .map(|file| {
            let loaded = load::load(file)?;
            progress.done.fetch_add(1, Ordering::Relaxed);
            Ok(loaded)
        })
        .collect()
}
