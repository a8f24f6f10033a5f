//! Tells what changes in folders. Links are watched where they lead.

mod links;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf, absolute},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{
    DebounceEventResult, DebouncedEvent, Debouncer, RecommendedCache, new_debouncer,
};

use links::Links;

type System = Debouncer<RecommendedWatcher, RecommendedCache>;

/// A folder to watch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Root {
    pub(super) folder: PathBuf,
    /// Whether what lies in folders inside is watched too.
    pub(super) is_deep: bool,
}

/// Watches folders until it is dropped.
pub(super) struct Watcher {
    /// The system's watcher, which the thread uses too that tells of changes. The lock is held for short changes only.
    system: Arc<Mutex<Option<System>>>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        lock(&self.system).take();
    }
}

/// The folders that are watched.
struct Watched<F> {
    system: Arc<Mutex<Option<System>>>,
    /// Says which folders are to be watched at present.
    roots: F,
    /// The folders as they were named, with their real paths at the last look.
    known: BTreeMap<Root, Option<PathBuf>>,
    /// The handler of events has these as well.
    places: Arc<Mutex<Places>>,
}

/// What events are about.
#[derive(Default)]
struct Places {
    /// The watched folders, as absolute paths.
    folders: Vec<PathBuf>,
    /// Where links lead.
    links: Links,
}

/// Starts watching the folders that `roots` names, which is asked again after each change. `changed` gets the paths of all changes of a
/// moment `quiet`: an editor makes several when it saves. If the system lost events, these are the folders themselves.
///
/// # Errors
/// The system can't watch the folders.
pub(super) fn watch(
    quiet: Duration,
    roots: impl Fn() -> BTreeSet<Root> + Send + 'static,
    mut changed: impl FnMut(&BTreeSet<PathBuf>) + Send + 'static,
) -> notify::Result<Watcher> {
    let (sender, changes) = mpsc::channel();
    let places: Arc<Mutex<Places>> = Arc::default();
    let known = Arc::clone(&places);
    let report = move |events: DebounceEventResult| {
        let known = lock(&known);
        let paths = match events {
            Ok(events) => events.iter().flat_map(|event| known.concerned(event)).collect(),
            Err(_) => BTreeSet::new(),
        };
        if !paths.is_empty() {
            // The receiver is gone only when the process ends.
            let _ = sender.send(paths);
        }
    };
    let system = Arc::new(Mutex::new(Some(new_debouncer(quiet, None, report)?)));
    let mut watched = Watched {
        system: Arc::clone(&system),
        roots,
        known: BTreeMap::new(),
        places,
    };
    watched.update()?;
    thread::spawn(move || {
        while let Ok(mut paths) = changes.recv() {
            while let Ok(mut more) = changes.try_recv() {
                paths.append(&mut more);
            }
            // Many files take long to look through, for which nothing has to wait.
            changed(&paths);
            match watched.update() {
                Ok(false) => {}
                // What changed there before it was watched.
                Ok(true) => changed(&paths),
                Err(error) => tracing::warn!(
                    %error,
                    "a part of the folder is not watched: changes there are not noticed"
                ),
            }
        }
    });
    Ok(Watcher { system })
}

impl Places {
    /// The paths of an event that lie in the watched folders, or in a place to which a link leads. Other files beside such a
    /// place do not matter.
    fn concerned(&self, event: &DebouncedEvent) -> Vec<PathBuf> {
        let concerns = |path: &&PathBuf| {
            self.links.concern(path) || self.folders.iter().any(|folder| path.starts_with(folder))
        };
        match event.kind {
            EventKind::Access(_) => Vec::new(),
            _ if event.paths.is_empty() => self.folders.clone(),
            _ => event.paths.iter().filter(concerns).cloned().collect(),
        }
    }
}

impl<F: Fn() -> BTreeSet<Root>> Watched<F> {
    /// Watches the folders, again if one is a link that leads elsewhere now, and the places to which links in them
    /// lead. Returns whether some place was not watched before.
    fn update(&mut self) -> notify::Result<bool> {
        let mut system = lock(&self.system);
        let Some(system) = system.as_mut() else {
            return Ok(false);
        };
        let wanted = (self.roots)();
        let (mut links, mut is_new) = (Links::default(), false);
        let gone: Vec<Root> = self
            .known
            .keys()
            .filter(|root| !wanted.contains(*root))
            .cloned()
            .collect();
        for root in gone {
            // The system may have ended this by itself, as the folder is gone.
            let _ = system.unwatch(&root.folder);
            self.known.remove(&root);
            is_new = true;
        }
        for root in wanted {
            let real = fs::canonicalize(&root.folder).ok();
            if self.known.get(&root) != Some(&real) || real.is_none() {
                // Unwatching a folder that is not watched fails, which does no harm.
                let _ = system.unwatch(&root.folder);
                system.watch(&root.folder, mode(root.is_deep))?;
                is_new = true;
            }
            let found = Links::of(&root.folder, root.is_deep);
            links.files.extend(found.files);
            links.folders.extend(found.folders);
            self.known.insert(root, real);
        }
        let mut places = lock(&self.places);
        if places.links == links && !is_new {
            return Ok(false);
        }
        places.folders = self
            .known
            .keys()
            .flat_map(|root| absolute(&root.folder))
            .collect();
        places.links.clone_from(&links);
        drop(places);
        // Places inside the folders are watched already. Watching them in another way would end that.
        let is_outside = |path: &&Path| {
            let mut inside = self.known.iter();
            !inside.any(|(root, real)| real.as_ref().is_some_and(|real| holds(real, root.is_deep, path)))
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
        result.map(|()| true)
    }
}

fn mode(is_deep: bool) -> RecursiveMode {
    match is_deep {
        true => RecursiveMode::Recursive,
        false => RecursiveMode::NonRecursive,
    }
}

/// Whether a folder that is watched covers another one.
fn holds(folder: &Path, is_deep: bool, other: &Path) -> bool {
    match is_deep {
        true => other.starts_with(folder),
        false => other == folder,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
