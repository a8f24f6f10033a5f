//! Serves the folder anew after a change, if it has no errors.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use arc_swap::ArcSwap;
use notify::{EventKind, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};

use super::{Folder, Site, Stop};

/// An editor that saves makes several changes: they count as one.
const QUIET: Duration = Duration::from_millis(100);

/// Looks at the folder until the result is dropped.
pub(super) type Watcher = Debouncer<RecommendedWatcher, RecommendedCache>;

/// Starts looking at the folder.
pub(super) fn watch(folder: &Folder, site: &Arc<ArcSwap<Site>>) -> Result<Watcher, Stop> {
    let (changed, changes) = mpsc::channel();
    let report = move |events: DebounceEventResult| {
        let is_change = |events: Vec<notify_debouncer_full::DebouncedEvent>| {
            events
                .iter()
                .any(|event| !matches!(event.kind, EventKind::Access(_)))
        };
        if events.is_ok_and(is_change) {
            // Nobody listens any more only when the process ends.
            let _ = changed.send(());
        }
    };
    let stop = |error: notify::Error| Stop(format!("cannot watch the templates: {error}. Try --no-reload"));
    let mut watcher = new_debouncer(QUIET, None, report).map_err(stop)?;
    let folders = [Some(&folder.templates), folder.contracts.as_ref()];
    for watched in folders.into_iter().flatten() {
        watcher.watch(watched, RecursiveMode::Recursive).map_err(stop)?;
    }
    let folder = Folder {
        templates: folder.templates.clone(),
        contracts: folder.contracts.clone(),
        hidden: folder.hidden.clone(),
        secret: folder.secret.clone(),
        ..*folder
    };
    let site = Arc::clone(site);
    thread::spawn(move || {
        while changes.recv().is_ok() {
            while changes.try_recv().is_ok() {}
            reload(&folder, &site);
        }
    });
    Ok(watcher)
}

fn reload(folder: &Folder, site: &ArcSwap<Site>) {
    match Site::load(folder) {
        Ok((new, warnings)) => {
            site.store(Arc::new(new));
            tracing::info!("serving the changed templates");
            if !warnings.is_empty() {
                eprintln!("{warnings}");
            }
        }
        Err(report) => {
            tracing::error!("the changed templates have errors; the last good ones stay");
            eprintln!("{report}");
        }
    }
}
