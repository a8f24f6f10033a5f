//! Watches the folders of editors that do not tell what changes on the disk.

use std::{path::PathBuf, sync::mpsc::SyncSender, time::Duration};

use hydra_compile::editor::disk::DiskChange;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, event::ModifyKind};
use notify_debouncer_full::{
    DebounceEventResult, DebouncedEvent, Debouncer, RecommendedCache, new_debouncer,
};

use super::Event;

/// A program that saves makes several changes: they count as one.
const QUIET: Duration = Duration::from_millis(100);

/// Watches until it is dropped.
pub(super) type Watcher = Debouncer<RecommendedWatcher, RecommendedCache>;

/// A folder that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WatchedFolder {
    pub(super) path: PathBuf,
    /// With all that is in it.
    pub(super) recursive: bool,
}

/// Starts to watch these folders. `None`: the system refuses.
pub(super) fn watch(folders: &[WatchedFolder], events: &SyncSender<Event>) -> Option<Watcher> {
    let events = events.clone();
    let report = move |found: DebounceEventResult| {
        let changes: Vec<_> = found.unwrap_or_default().iter().flat_map(changes).collect();
        if !changes.is_empty() {
            // The receiver is gone only when the process ends.
            let _ = events.send(Event::Disk(changes));
        }
    };
    let mut watcher = new_debouncer(QUIET, None, report).ok()?;
    for folder in folders {
        let mode = match folder.recursive {
            true => RecursiveMode::Recursive,
            false => RecursiveMode::NonRecursive,
        };
        watcher.watch(&folder.path, mode).ok()?;
    }
    Some(watcher)
}

fn changes(event: &DebouncedEvent) -> Vec<DiskChange> {
    let came_or_went = match event.kind {
        EventKind::Access(_) => return Vec::new(),
        EventKind::Modify(ModifyKind::Name(_)) => true,
        EventKind::Modify(_) => false,
        _ => true,
    };
    let paths = event.paths.iter().cloned();
    paths.map(|path| DiskChange { path, came_or_went }).collect()
}
