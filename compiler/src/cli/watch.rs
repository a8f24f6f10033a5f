//! `check --watch`: the report again after every change.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use hydra_compile::read::{self, InputPaths};
use notify::{EventKind, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, DebouncedEvent, new_debouncer};

use super::{CommandResult, Failure, args::CheckArgs, check, output};

/// An editor that saves makes several changes: they count as one.
const QUIET: Duration = Duration::from_millis(150);
/// Clears the screen and goes to its upper left corner.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Checks, waits for a change, and so on until the process is ended.
pub(crate) fn watch(args: &CheckArgs) -> Result<CommandResult, Failure> {
    if args.site.paths.iter().any(|path| path.as_os_str() == "-") {
        return Err(Failure("standard input can't be watched".to_owned()));
    }
    let watched = watched(&args.site.places());
    let (changed, changes) = mpsc::channel();
    let relevant = watched.clone();
    let report = move |events: DebounceEventResult| {
        if events.is_ok_and(|events| events.iter().any(|event| is_change(event, &relevant))) {
            // The receiver is gone only when the process ends.
            let _ = changed.send(());
        }
    };
    let mut watcher = new_debouncer(QUIET, None, report)?;
    for folder in &watched.folders {
        watcher.watch(folder, RecursiveMode::Recursive)?;
    }
    for folder in watched
        .files
        .iter()
        .filter_map(|file| file.parent())
        .collect::<BTreeSet<_>>()
    {
        if !watched.folders.contains(folder) {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
    }
    loop {
        if output::is_screen() {
            output::print(CLEAR)?;
        }
        // A file may be missing for a moment while it is saved: the next change reads it again.
        if let Err(Failure(message)) = check::check(args) {
            output::complain(&message);
        }
        if changes.recv().is_err() {
            return Ok(CommandResult::Clean);
        }
        while changes.try_recv().is_ok() {}
    }
}

/// What a run reads, as absolute paths.
#[derive(Clone, Default)]
struct Watched {
    /// With all that is in them.
    folders: BTreeSet<PathBuf>,
    /// By themselves. Their folder is watched, since editors replace a file when they save it.
    files: BTreeSet<PathBuf>,
}

fn watched(places: &InputPaths) -> Watched {
    let mut watched = Watched::default();
    for path in places
        .templates
        .iter()
        .chain(&places.contracts)
        .chain(&places.rust)
    {
        if path.is_dir() {
            watched.folders.insert(absolute(path));
        } else {
            watched.files.insert(absolute(path));
        }
    }
    for template in &places.templates {
        watched
            .files
            .insert(absolute(&read::beside(template, read::SETTINGS)));
    }
    watched
}

/// The path of a file that may not be there yet, without links in its folder.
fn absolute(path: &Path) -> PathBuf {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let whole = path.canonicalize().ok();
    let parts = || Some(folder.canonicalize().ok()?.join(path.file_name()?));
    whole.or_else(parts).unwrap_or_else(|| path.to_owned())
}

/// Whether the report can be another after this event. Reading a file, as every check does, is an event too, and so
/// is what an editor leaves beside the file that it saves.
fn is_change(event: &DebouncedEvent, watched: &Watched) -> bool {
    let counts = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        let is_read = read::is_template(path) || matches!(ending, None | Some("json" | "rs" | "toml"));
        watched.files.contains(path)
            || (is_read && watched.folders.iter().any(|folder| path.starts_with(folder)))
    };
    !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(counts)
}
