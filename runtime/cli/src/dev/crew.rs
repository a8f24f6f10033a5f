//! All services of a run, each on a thread of its own, and what watches their files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, mem,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use hydra_compile::read::SitePaths;

use super::{
    Stop,
    board::Board,
    change::{self, Change},
    find::{CratePlace, is_left_out},
    guard::Guard,
    link::Link,
    lock::own_folder,
    output::Tag,
    service::{Order, Orders, Service},
    surroundings::Surroundings,
};
use crate::{
    serve::compile::CrateChecker,
    watch::{self, Root, Watcher},
};

/// An editor makes several changes when it saves: they count as one.
pub(super) const QUIET: Duration = Duration::from_millis(30);
/// The most files of a service whose coming and going is noticed.
const MAX_FILES: usize = 20_000;

/// The services of a run.
pub(super) struct Crew {
    /// Those that are not started yet.
    waiting: Mutex<Vec<Service>>,
    /// Those that run. The lock is held for a moment.
    threads: Mutex<Vec<JoinHandle<()>>>,
    orders: Vec<Sender<Order>>,
    _watcher: Option<Watcher>,
}

impl Crew {
    /// Services that are not started yet, whose files are watched.
    pub(super) fn new(
        places: &[CratePlace],
        board: &Board,
        surroundings: Surroundings,
    ) -> Result<Self, Stop> {
        let names: Vec<&str> = places.iter().map(|place| place.name.as_str()).collect();
        let (surroundings, building) = (Arc::new(surroundings), Arc::default());
        let guard = match places {
            [] => Guard::default(),
            _ => Guard::start(),
        };
        let (mut waiting, mut orders) = (Vec::new(), Vec::new());
        for (number, (place, tag)) in places.iter().zip(Tag::all(&names)).enumerate() {
            let (sender, receiver) = mpsc::channel();
            orders.push(sender);
            waiting.push(Service {
                place: place.clone(),
                tag,
                board: board.clone(),
                surroundings: Arc::clone(&surroundings),
                building: Arc::clone(&building),
                guard: guard.clone(),
                orders: Orders::new(receiver),
                checker: CrateChecker::new(&place.folder),
                link: link_of(number),
                plan: None,
                failed: None,
            });
        }
        let mut followed: Vec<Followed> = places.iter().zip(&orders).map(Followed::of).collect();
        let watched: Vec<PathBuf> = followed.iter().flat_map(Followed::watched).collect();
        for one in &mut followed {
            one.all.clone_from(&watched);
        }
        let workspaces: BTreeSet<Root> = places.iter().map(|place| flat(&place.workspace)).collect();
        let board = board.clone();
        let watcher = watch::watch(
            QUIET,
            move || {
                watched
                    .iter()
                    .flat_map(|folder| roots_of(folder))
                    .chain(workspaces.clone())
                    .collect()
            },
            move |paths| followed.iter_mut().for_each(|one| one.after(paths, &board)),
        );
        let watcher =
            watcher.map_err(|error| Stop(format!("can't watch the folders of the services: {error}")))?;
        Ok(Self {
            waiting: Mutex::new(waiting),
            threads: Mutex::default(),
            orders,
            _watcher: (!places.is_empty()).then_some(watcher),
        })
    }

    /// Starts all services, once.
    pub(super) fn start(&self) {
        let waiting = mem::take(&mut *lock(&self.waiting));
        let threads = waiting
            .into_iter()
            .map(|service| thread::spawn(move || service.run()));
        lock(&self.threads).extend(threads);
    }

    /// Stops all services, and waits for that.
    pub(super) fn stop(self) {
        for service in &self.orders {
            // A service whose thread is gone has no processes.
            let _ = service.send(Order::Stop);
        }
        for thread in mem::take(&mut *lock(&self.threads)) {
            // A panic is on the terminal already, and has ended the processes of the service.
            let _ = thread.join();
        }
    }
}

/// The socket of the service with this number.
fn link_of(number: usize) -> Option<Link> {
    let name = format!("{}-{number}", std::process::id());
    let link = own_folder().and_then(|folder| Link::open(&folder, &name));
    link.inspect_err(
        |error| tracing::warn!(%error, "no socket to services: each changed template needs a build"),
    )
    .ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is watched of a package: its folder, and the folders inside but those of tools.
fn roots_of(folder: &Path) -> BTreeSet<Root> {
    let inner = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let inner = inner.filter(|path| path.is_dir() && !is_left_out(path));
    let deep = inner.map(|folder| Root {
        folder,
        is_deep: true,
    });
    deep.chain([flat(folder)]).collect()
}

fn flat(folder: &Path) -> Root {
    Root {
        folder: folder.to_owned(),
        is_deep: false,
    }
}

/// Knows which files belong to one service, and tells the service when one of them changes.
struct Followed {
    /// The folder of the package first, then those that it is built with; real paths.
    folders: Vec<PathBuf>,
    workspace: PathBuf,
    /// The folders that are watched, those of all services.
    all: Vec<PathBuf>,
    /// The folders of templates and contracts that its build script names.
    named: Vec<PathBuf>,
    /// The files that are not part of the program, as they were last: the service lists those in folders that it sends from.
    files: BTreeMap<PathBuf, bool>,
    orders: Sender<Order>,
}

impl Followed {
    fn of((place, orders): (&CratePlace, &Sender<Order>)) -> Self {
        let own = fs::canonicalize(&place.folder).unwrap_or_else(|_| place.folder.clone());
        let named = SitePaths::of_crate(&own).map(|paths| {
            let folders = [Some(paths.templates), paths.contracts];
            folders.into_iter().flatten().collect()
        });
        let folders: Vec<PathBuf> = [own]
            .into_iter()
            .chain(place.dependencies.iter().cloned())
            .collect();
        let mut followed = Self {
            folders,
            workspace: place.workspace.clone(),
            all: Vec::new(),
            named: named.unwrap_or_default(),
            files: BTreeMap::new(),
            orders: orders.clone(),
        };
        followed.files = followed.list();
        followed
    }

    /// The folders with its files, none of which lies in another one.
    fn watched(&self) -> Vec<PathBuf> {
        let is_inside = |named: &&PathBuf| self.folders.iter().any(|folder| named.starts_with(folder));
        let outside = self.named.iter().filter(|named| !is_inside(named));
        self.folders.iter().chain(outside).cloned().collect()
    }

    /// Tells the service, or browsers, of changes.
    fn after(&mut self, paths: &BTreeSet<PathBuf>, board: &Board) {
        let changes = paths.iter().filter_map(|path| self.change(path));
        let Some(change) = changes.max() else { return };
        match self.with_coming_and_going(change) {
            Change::Styles => board.new_styles(),
            Change::Pages => board.new_pages(),
            change => {
                // The service is gone only when the process ends.
                let _ = self.orders.send(Order::Change(change));
            }
        }
    }

    /// What a changed path means.
    fn change(&self, path: &Path) -> Option<Change> {
        let own = self.folders.first()?;
        if let Ok(relative) = path.strip_prefix(own) {
            let named: Vec<&Path> = self
                .named
                .iter()
                .filter_map(|folder| folder.strip_prefix(own).ok())
                .collect();
            return change::of_file(relative, &named);
        }
        let is_named = self.named.iter().any(|folder| path.starts_with(folder));
        let folder = self.folders.iter().find(|folder| path.starts_with(folder));
        match folder.and_then(|folder| path.strip_prefix(folder).ok()) {
            Some(relative) => {
                // Files of other packages matter as far as they go into the program.
                change::of_file(relative, &[]).filter(|change| *change >= Change::Build)
            }
            None if path.parent() == Some(&*self.workspace) && !is_named => {
                let name = path.file_name().unwrap_or_default();
                (name == "Cargo.toml" || name == "Cargo.lock").then_some(Change::Build)
            }
            None if is_named => Some(Change::Templates),
            None if self.all.iter().any(|folder| path.starts_with(folder)) => None,
            // A link leads there.
            None => Some(Change::Build),
        }
    }

    /// A file that came or went is one that the service knows only after a start.
    fn with_coming_and_going(&mut self, change: Change) -> Change {
        if change > Change::Pages {
            return change;
        }
        let files = self.list();
        match mem::replace(&mut self.files, files) == self.files {
            true => change,
            false => Change::Restart,
        }
    }

    fn list(&self) -> BTreeMap<PathBuf, bool> {
        let mut found = BTreeMap::new();
        let Some(own) = self.folders.first() else {
            return found;
        };
        let mut open: Vec<PathBuf> = roots_of(own)
            .into_iter()
            .filter(|root| root.is_deep)
            .map(|root| root.folder)
            .collect();
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if found.len() >= MAX_FILES {
                    return found;
                }
                let path = entry.path();
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if self.change(&path).is_some_and(|change| change <= Change::Pages) {
                    found.insert(path.clone(), is_folder);
                }
                if is_folder {
                    open.push(path);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_to_the_service_or_to_browsers() {
        let around = tempfile::tempdir().expect("a folder");
        let around = fs::canonicalize(around.path()).expect("it is there");
        let write = |name: &str| {
            let path = around.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(&path, "x").expect("written");
            path
        };
        for name in [
            "shop/src/main.rs",
            "shop/static/site.css",
            "shop/static/logo.svg",
            "shop/target/x.css",
        ] {
            write(name);
        }
        let (sender, receiver) = mpsc::channel();
        let place = CratePlace {
            name: "shop".to_owned(),
            folder: around.join("shop"),
            program: "shop".to_owned(),
            dependencies: vec![around.join("common")],
            workspace: around.clone(),
        };
        let board = Board::new(["shop"]);
        let mut followed = Followed::of((&place, &sender));
        followed.all = ["shop", "common", "blog"].map(|name| around.join(name)).into();
        followed.named = vec![around.join("shared"), around.join("shop/templates")];
        assert_eq!(
            followed.watched(),
            ["shop", "common", "shared"].map(|name| around.join(name))
        );
        let mut after = |names: &[&str]| {
            let paths = names.iter().map(|name| around.join(name)).collect();
            followed.after(&paths, &board);
            let shown = board.watch().borrow().clone();
            (receiver.try_recv().ok(), shown.pages, shown.styles)
        };
        let build = Some(Order::Change(Change::Build));
        assert_eq!(after(&["shop/static/site.css"]), (None, 0, 1));
        assert_eq!(
            after(&["shop/static/site.css", "shop/static/logo.svg"]),
            (None, 1, 1)
        );
        assert_eq!(
            after(&["shop/static/site.css", "shop/src/main.rs"]),
            (build, 1, 1)
        );
        assert_eq!(after(&["common/src/lib.rs"]), (build, 1, 1));
        assert_eq!(after(&["Cargo.lock"]), (build, 1, 1));
        assert_eq!(
            after(&["blog/src/main.rs", "blog/templates/x.html"]),
            (None, 1, 1)
        );
        let templates = Some(Order::Change(Change::Templates));
        assert_eq!(after(&["shared/index.html"]), (templates, 1, 1));
        assert_eq!(after(&["notes.css", "target"]), (None, 1, 1));
        assert_eq!(
            after(&["common/readme.css", "shop/x.css.swp", "shop/target/x.css"]),
            (None, 1, 1)
        );
        write("shop/static/new.css");
        assert_eq!(
            after(&["shop/static/new.css"]),
            (Some(Order::Change(Change::Restart)), 1, 1)
        );
        assert_eq!(after(&["shop/static/new.css"]), (None, 1, 2));
        fs::remove_file(around.join("shop/static/logo.svg")).expect("removed");
        assert_eq!(
            after(&["shop/static/logo.svg"]),
            (Some(Order::Change(Change::Restart)), 1, 2)
        );
    }

    #[test]
    fn folders_of_tools_are_not_watched() {
        let around = tempfile::tempdir().expect("a folder");
        for name in ["src", "target", ".git", "node_modules", "static"] {
            fs::create_dir(around.path().join(name)).expect("made");
        }
        let roots = roots_of(around.path());
        let names: Vec<_> = roots
            .iter()
            .filter(|root| root.is_deep)
            .filter_map(|root| root.folder.file_name())
            .collect();
        assert_eq!(names, ["src", "static"]);
        assert_eq!(roots.len(), 3);
    }
}
