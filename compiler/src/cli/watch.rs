//! `check --watch`: the report again after every change.

use std::{
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use hydra_compile::read::Places;
use notify::{EventKind, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, DebouncedEvent, new_debouncer};

use super::{Failure, Outcome, args::CheckArgs, check, output};

/// An editor that saves makes several changes: they count as one.
const QUIET: Duration = Duration::from_millis(150);
/// Clears the screen and goes to its upper left corner.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Checks, waits for a change, and so on until the process is ended.
pub(crate) fn watch(args: &CheckArgs) -> Result<Outcome, Failure> {
    if args.site.paths.iter().any(|path| path.as_os_str() == "-") {
        return Err(Failure("standard input can't be watched".to_owned()));
    }
    let (changed, changes) = mpsc::channel();
    let report = move |events: DebounceEventResult| {
        if events.is_ok_and(|events| events.iter().any(is_change)) {
            // Nobody waits any more only when the process ends.
            let _ = changed.send(());
        }
    };
    let mut watcher = new_debouncer(QUIET, None, report)?;
    for path in watched(&args.site.places()) {
        watcher.watch(&path, RecursiveMode::Recursive)?;
    }
    loop {
        if output::is_screen() {
            output::print(CLEAR)?;
        }
        // A file that is gone for a moment is no reason to stop: the next change tries again.
        if let Err(Failure(message)) = check::check(args) {
            output::complain(&message);
        }
        if changes.recv().is_err() {
            return Ok(Outcome::Clean);
        }
        while changes.try_recv().is_ok() {}
    }
}

/// Folders as they are, and the folders of files: editors replace a file when they save it.
fn watched(places: &Places) -> Vec<PathBuf> {
    let all = places
        .templates
        .iter()
        .chain(&places.contracts)
        .chain(&places.rust);
    let mut paths: Vec<PathBuf> = all.map(|path| folder(path)).collect();
    paths.sort();
    paths.dedup();
    paths
}

fn folder(path: &Path) -> PathBuf {
    match path.parent().filter(|_| !path.is_dir()) {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => path.to_owned(),
    }
}

/// Reading a file, as every check does, is an event too.
fn is_change(event: &DebouncedEvent) -> bool {
    !matches!(event.kind, EventKind::Access(_))
}
