//! Reads files into an [`Input`]. Only this module reads templates, contracts, settings and Rust files.
//!
//! A folder is walked, and files whose names end in one of [`TEMPLATE_ENDINGS`] are its templates. A path that leads to a
//! file makes it a template whatever its ending, and `-` is standard input. Hidden files in folders are left out.

mod build_script;
mod contract_members;
mod contracts;
mod json_places;
mod load;
mod names;
mod settings;
#[cfg(feature = "cli")]
mod site_files;
mod site_paths;
#[cfg(test)]
mod tests;
mod walk;

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use hydra_contract::{Contract, service_name::BadName, settings_file::SettingsProblem};
use rayon::prelude::*;

use crate::{
    input::{Input, Options},
    problem::{Code, Problem},
    provided, report,
    source::{Source, SourceId, Span},
};
pub(crate) use contracts::misnamed;
pub(crate) use load::LoadedFile;
#[cfg(feature = "cli")]
pub(crate) use site_files::FileKind;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub use site_files::SiteFiles;
#[doc(hidden)]
pub use site_paths::SitePaths;
#[cfg(feature = "cli")]
pub(crate) use site_paths::without_parents;

/// The endings that make a file in a folder a template, in any case. Tera escapes in `.html`, `.htm` and `.xml`.
pub const TEMPLATE_ENDINGS: &[&str] = &["html", "htm", "xhtml", "xml", "txt", "tera"];

/// The name that standard input has as a template.
pub const STDIN_NAME: &str = "stdin.html";

/// The name of the settings file.
pub const SETTINGS: &str = "hydra.toml";

/// Where the files of a run are.
#[derive(Clone, Debug, Default)]
pub struct InputPaths {
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
    /// The template folder of a build does not exist: where it was looked for, and the folder that likely was meant.
    #[error("there is no folder of templates `{}`: it was looked for in `{}`{}", .0.display(), .1.display(), .2)]
    NoTemplateFolder(PathBuf, PathBuf, String),
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
    /// The file is larger than 1 GiB.
    #[error("`{}` is larger than {} MiB", .0.display(), crate::limits::MAX_FILE_BYTES >> 20)]
    TooLarge(PathBuf),
    /// The folders nest too deep or hold too many files: likely links that lead in a circle.
    #[error("`{}` holds too many files or folders to be a template folder", .0.display())]
    TooMany(PathBuf),
    /// Two of the files would have one name in Tera.
    #[error("`{}` and `{}` are both the template `{}`: check them one after the other", .1.display(), .2.display(), .0)]
    SameName(String, PathBuf, PathBuf),
    /// The file is not a contract. The text names the place and the reason.
    #[error("{0}")]
    BadContract(String),
    /// `hydra.toml` can't be read as settings.
    #[error("`{}`: {}", .0.display(), .1)]
    Settings(PathBuf, Box<SettingsProblem>),
    /// The name of this service, as the settings, the build script or the command give it, is not one.
    #[error("`{0}` can't be the name of this service: {1}")]
    BadService(String, #[source] BadName),
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
struct FileToRead {
    name: String,
    path: PathBuf,
}

/// What is wrong with the `[compile]` table of the settings file `text`, or with the file as TOML.
#[must_use]
pub fn settings_problem(text: &str) -> Option<SettingsProblem> {
    settings::problem(text)
}

/// Reads all files of a run. `options` are completed by the `[compile]` table of a `hydra.toml` in or beside the
/// first place of templates.
///
/// # Errors
/// Where a named place is not there or can't be read. What is wrong *inside* a file is not an error here but a
/// [`Problem`] in [`Input::broken`].
pub fn read(places: &InputPaths, options: Options, progress: &Progress) -> Result<Input, ReadError> {
    read_with(places, None, options, progress)
}

/// [`read`] with the settings in the file `settings`, which has to be there, instead of those beside the templates.
pub(crate) fn read_with(
    places: &InputPaths,
    settings: Option<&Path>,
    options: Options,
    progress: &Progress,
) -> Result<Input, ReadError> {
    let options = settings::complete(options, settings, places.templates.first().map(PathBuf::as_path))?;
    let wanted = names::template_files(&places.templates)?;
    progress.total.store(wanted.len(), Ordering::Relaxed);
    let templates = load_all(wanted, progress)?;
    let contracts = match &places.contracts {
        Some(folder) => Some(load_all(contract_files(folder)?, &Progress::default())?),
        None => None,
    };
    let rust = match &places.rust {
        Some(folder) => {
            let names_types = |file: &LoadedFile| {
                memchr::memmem::find(file.source.text.as_bytes(), b":attributes").is_some()
            };
            load::page_types(walk::files(folder, &["rs"])?, templates.iter().any(names_types))?
        }
        None => Vec::new(),
    };
    Ok(assemble(options, templates, contracts, rust))
}

/// The input that consists of these files. `contracts`: `None` where no folder of contracts is named.
pub(crate) fn assemble(
    options: Options,
    templates: Vec<LoadedFile>,
    contracts: Option<Vec<LoadedFile>>,
    rust: Vec<LoadedFile>,
) -> Input {
    let mut input = Input {
        options,
        contracts_given: contracts.is_some(),
        ..Input::default()
    };
    for loaded in with_provided(templates) {
        push_source(&mut input, loaded);
    }
    input.templates = input.sources.len();
    contracts::add(&mut input, contracts.unwrap_or_default());
    for loaded in rust {
        push_source(&mut input, loaded);
    }
    input
}

/// The templates with those that Hydra provides for them, sorted by name if any are added.
fn with_provided(mut templates: Vec<LoadedFile>) -> Vec<LoadedFile> {
    let sources: Vec<&Source> = templates.iter().map(|file| &file.source).collect();
    let missing = provided::missing(&sources);
    if !missing.is_empty() {
        let missing = missing.into_iter().map(|source| LoadedFile {
            source,
            broken_at: None,
        });
        templates.extend(missing);
        templates.sort_by(|one, other| one.source.name.cmp(&other.source.name));
    }
    templates
}

/// Where a contract's file has the name of a member. `None`: it lacks the member.
#[cfg(feature = "cli")]
pub(crate) fn contract_member(source: &Source, path: &[&str]) -> Option<Span> {
    let text = source.text.trim_start_matches('\u{feff}');
    let before = source.text.len() - text.len();
    let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
    let name = json_places::member(text, &path)?.name;
    Some(Span::new(
        name.start as usize + before,
        name.end as usize + before,
    ))
}

/// Reads one contract.
///
/// # Errors
/// When the file can't be read or is not a contract.
pub fn contract(path: &Path) -> Result<Contract, ReadError> {
    let name = walk::template_name(path.file_name().map_or(path, Path::new));
    let loaded = load::load(FileToRead {
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

/// The path of something that lies in the same folder as `path`, spelled as the user spelled that one.
#[must_use]
pub fn beside(path: &Path, name: &str) -> PathBuf {
    match (path.file_name(), path.parent()) {
        (Some(_), Some(parent)) => parent.join(name),
        _ => path.join("..").join(name),
    }
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
fn push_source(input: &mut Input, loaded: LoadedFile) -> SourceId {
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

fn contract_files(folder: &Path) -> Result<Vec<FileToRead>, ReadError> {
    let mut wanted = walk::files(folder, &["json"])?;
    wanted.sort();
    Ok(wanted)
}

/// Reads all files on all cores, in the order given.
fn load_all(wanted: Vec<FileToRead>, progress: &Progress) -> Result<Vec<LoadedFile>, ReadError> {
    wanted
        .into_par_iter()
        .map(|file| {
            let loaded = load::load(file)?;
            progress.done.fetch_add(1, Ordering::Relaxed);
            Ok(loaded)
        })
        .collect()
}
