//! Reloads the folder after a change, if it has no errors. Links are watched where they lead.

mod links;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf, absolute},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use arc_swap::ArcSwap;
use notify::{EventKind, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{
    DebounceEventResult, DebouncedEvent, Debouncer, RecommendedCache, new_debouncer,
};

use super::{Folder, Site, Stop};
use links::Links;

/// An editor makes several changes when it saves: they count as one.
const QUIET: Duration = Duration::from_millis(100);

type System = Debouncer<RecommendedWatcher, RecommendedCache>;

/// Watches the folder until it is dropped.
pub(super) struct Watcher {
    /// The system's watcher, which the reloading thread uses too. The lock is held for short changes only.
    system: Arc<Mutex<Option<System>>>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        lock(&self.system).take();
    }
}

/// The folders that are watched.
struct Watched {
    system: Arc<Mutex<Option<System>>>,
    /// The folders as they were named, with their real paths at the last look.
    roots: BTreeMap<PathBuf, Option<PathBuf>>,
    /// Where links lead. The handler of events has it as well.
    links: Arc<Mutex<Links>>,
}

/// Starts watching the folder.
pub(super) fn watch(folder: &Folder, site: &Arc<ArcSwap<Site>>) -> Result<Watcher, Stop> {
    let (changed, changes) = mpsc::channel();
    let links = Arc::new(Mutex::new(Links::default()));
    let roots: Vec<PathBuf> = roots(folder).map(Path::to_owned).collect();
    let (known, inner) = (
        Arc::clone(&links),
        roots.iter().flat_map(absolute).collect::<Vec<_>>(),
    );
    let report = move |events: DebounceEventResult| {
        let known = lock(&known);
        if events.is_ok_and(|events| events.iter().any(|event| is_change(event, &inner, &known))) {
            // The receiver is gone only when the process ends.
            let _ = changed.send(());
        }
    };
    let stop = |error: notify::Error| Stop(format!("cannot watch the templates: {error}. Try --no-reload"));
    let system = new_debouncer(QUIET, None, report).map_err(stop)?;
    let system = Arc::new(Mutex::new(Some(system)));
    let mut watched = Watched {
        system: Arc::clone(&system),
        roots: roots.into_iter().map(|root| (root, None)).collect(),
        links,
    };
    watched.update().map_err(stop)?;
    let folder = Folder {
        templates: folder.templates.clone(),
        contracts: folder.contracts.clone(),
        hidden: folder.hidden.clone(),
        secret: folder.secret.clone(),
        second_secret: folder.second_secret.clone(),
        ..*folder
    };
    let site = Arc::clone(site);
    thread::spawn(move || {
        while changes.recv().is_ok() {
            while changes.try_recv().is_ok() {}
            if let Err(error) = watched.update() {
                tracing::warn!(%error, "a part of the folder is not watched: changes there are not served at once");
            }
            reload(&folder, &site);
        }
    });
    Ok(Watcher { system })
}

fn roots(folder: &Folder) -> impl Iterator<Item = &Path> {
    let roots = [Some(folder.templates.as_path()), folder.contracts.as_deref()];
    roots.into_iter().flatten()
}

/// Whether an event concerns the folders `inner`, or a place to which a link leads. Other files beside such a place
/// do not matter.
fn is_change(event: &DebouncedEvent, inner: &[PathBuf], links: &Links) -> bool {
    let concerns = |path: &PathBuf| links.concern(path) || inner.iter().any(|root| path.starts_with(root));
    let is_access = matches!(event.kind, EventKind::Access(_));
    !is_access && (event.paths.is_empty() || event.paths.iter().any(concerns))
}

impl Watched {
    /// Watches the folders, again if one is a link that leads elsewhere now, and the places to which links in them
    /// lead.
    fn update(&mut self) -> notify::Result<()> {
        let mut system = lock(&self.system);
        let Some(system) = system.as_mut() else {
            return Ok(());
        };
        let (mut links, mut is_new) = (Links::default(), false);
        for (root, known) in &mut self.roots {
            let real = fs::canonicalize(root).ok();
            if *known != real || real.is_none() {
                // Unwatching a folder that is not watched fails, which does no harm.
                let _ = system.unwatch(root);
                system.watch(root, RecursiveMode::Recursive)?;
                (*known, is_new) = (real, true);
            }
            let found = Links::of(root);
            links.files.extend(found.files);
            links.folders.extend(found.folders);
        }
        if *lock(&self.links) == links && !is_new {
            return Ok(());
        }
        lock(&self.links).clone_from(&links);
        // Places inside the folders are watched already. Watching them in another way would end that.
        let is_outside = |path: &&Path| {
            let mut real = self.roots.values().flatten();
            !real.any(|root| path.starts_with(root))
        };
        let parents = links.parents().map(|path| (path, RecursiveMode::NonRecursive));
        let folders = links
            .folders
            .iter()
            .map(|path| (path.as_path(), RecursiveMode::Recursive));
        // Folders come last: if a place is watched in two ways, the later one counts.
        let mut result = Ok(());
        for (path, mode) in parents.chain(folders).filter(|(path, _)| is_outside(path)) {
            result = result.and(system.watch(path, mode));
        }
        result
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
