//! Finds the sites of a workspace on the disk, and reads what changes there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::read::{self, SitePaths, without_parents};

use super::workspace::Workspace;

/// How deep sites are looked for. Real repositories nest less.
const MAX_DEPTH: usize = 12;

/// How many entries of folders are looked at for one workspace folder. A larger one has its sites named in the settings.
const MAX_ENTRIES: usize = 500_000;

/// Folders that hold the files of tools, and may be large.
const LEFT_OUT: [&str; 2] = ["target", "node_modules"];

/// The folder of templates where no build script names one.
const TEMPLATES: &str = "templates";

/// What may have happened to a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DiskChange {
    /// Its path.
    pub path: PathBuf,
    /// Whether it came or went. Otherwise only its content changed.
    pub came_or_went: bool,
}

/// The folders that an editor has open, and those that its settings name as folders of templates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    /// The folders.
    pub folders: Vec<PathBuf>,
    /// Folders of templates, relative to one of the folders or absolute. Empty: they are looked for.
    pub templates: Vec<PathBuf>,
}

impl Roots {
    /// Finds the sites. Where settings name folders of templates, there are no others. Otherwise each `Build::new("…")` in a `build.rs` names
    /// one, and so does each folder `templates` that has to do with Hydra: it has a `hydra.toml`, a folder `contracts` beside it, or a
    /// template with Hydra's tags.
    #[must_use]
    pub fn sites(&self) -> Vec<SitePaths> {
        let mut found: Vec<SitePaths> = Vec::new();
        if self.templates.is_empty() {
            for folder in &self.folders {
                let mut search = Search {
                    found: &mut found,
                    left: MAX_ENTRIES,
                };
                search.folder(folder, 0);
            }
        } else {
            for templates in &self.templates {
                let places = self
                    .folders
                    .iter()
                    .map(|folder| without_parents(&folder.join(templates)));
                found.extend(places.filter(|place| place.is_dir()).map(|place| beside(&place)));
            }
        }
        found.sort_by(|one, other| one.templates.cmp(&other.templates));
        found.dedup_by(|one, other| one.templates == other.templates);
        found
    }

    /// Finds and reads all sites. The result is what could not be read, one message each.
    pub fn load(&self, workspace: &mut Workspace) -> Vec<String> {
        let mut unread = Vec::new();
        let sites = self.sites().into_iter().map(|paths| {
            let mut files = paths.read();
            unread.append(&mut files.unread);
            (paths, files)
        });
        workspace.set_sites(sites.collect());
        unread
    }

    /// Reads what changed. The result is what could not be read, one message each.
    pub fn update(&self, workspace: &mut Workspace, changes: &[DiskChange]) -> Vec<String> {
        let paths: Vec<SitePaths> = workspace.site_paths().cloned().collect();
        if changes.iter().any(|change| may_change_sites(change, &paths)) {
            return self.load(workspace);
        }
        let mut unread = Vec::new();
        let mut listed_again = BTreeSet::new();
        for change in changes.iter().filter(|change| change.came_or_went) {
            let sites = paths
                .iter()
                .enumerate()
                .filter(|(_, site)| touches(site, &change.path));
            listed_again.extend(sites.map(|(number, _)| number));
        }
        for number in &listed_again {
            let mut files = paths[*number].read();
            unread.append(&mut files.unread);
            workspace.set_files(*number, files);
        }
        let contents: BTreeSet<&PathBuf> = changes.iter().map(|change| &change.path).collect();
        for path in contents {
            for (number, site) in paths
                .iter()
                .enumerate()
                .filter(|(number, _)| !listed_again.contains(number))
            {
                match site.read_one(path) {
                    Ok(file) => workspace.set_file(number, path, file),
                    Err(error) => unread.push(error.to_string()),
                }
            }
        }
        unread
    }
}

/// Whether a file or folder belongs to a site, or holds a part of it.
fn touches(site: &SitePaths, path: &Path) -> bool {
    let folders = [Some(&site.templates), site.contracts.as_ref(), site.rust.as_ref()];
    let mut folders = folders.into_iter().flatten();
    // A folder, or a link to one, has no ending that counts.
    let may_count = path.extension().is_none() || site.kind(path).is_some();
    folders.any(|folder| folder.starts_with(path) || may_count && path.starts_with(folder))
}

/// Whether there may be other sites, or sites with other settings, after a change.
fn may_change_sites(change: &DiskChange, sites: &[SitePaths]) -> bool {
    let path = &change.path;
    let mut parts = path.components().map(|part| part.as_os_str());
    if parts.any(|part| LEFT_OUT.iter().any(|left_out| part == *left_out)) {
        return false;
    }
    let name = path.file_name().unwrap_or_default();
    if name == "build.rs"
        || name == read::SETTINGS
        || sites.iter().any(|site| site.settings.as_ref() == Some(path))
    {
        return true;
    }
    let in_a_site = || sites.iter().any(|site| path.starts_with(&site.templates));
    let may_be_new = path.components().any(|part| part.as_os_str() == TEMPLATES) && !in_a_site();
    let folder_of_site = ["contracts", "src", "Cargo.toml"]
        .iter()
        .any(|beside| name == *beside);
    let gone = || sites.iter().any(|site| site.templates.starts_with(path));
    change.came_or_went && (may_be_new || folder_of_site || gone())
}

struct Search<'f> {
    found: &'f mut Vec<SitePaths>,
    left: usize,
}

impl Search<'_> {
    /// Looks for sites in a folder. Links to folders are not followed, so that none leads in a circle.
    fn folder(&mut self, folder: &Path, depth: usize) {
        let (mut folders, mut has_script) = (Vec::new(), false);
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Some(left) = self.left.checked_sub(1) else {
                return;
            };
            self.left = left;
            let name = entry.file_name();
            has_script |= name == "build.rs";
            let is_left_out = name.as_encoded_bytes().starts_with(b".")
                || LEFT_OUT.iter().any(|left_out| name == *left_out);
            if !is_left_out && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
        folders.sort();
        if has_script && let Some(site) = SitePaths::of_crate(folder) {
            folders.retain(|folder| *folder != site.templates);
            self.found.push(site);
        }
        for inner in folders {
            if inner.file_name().is_some_and(|name| name == TEMPLATES) && is_of_hydra(&inner) {
                self.found.push(beside(&inner));
            } else if depth < MAX_DEPTH {
                self.folder(&inner, depth + 1);
            }
        }
    }
}

/// The site of a folder of templates that no build script names: `contracts` and, in a crate, `src` beside it belong to it.
fn beside(templates: &Path) -> SitePaths {
    let folder = |name| Some(read::beside(templates, name)).filter(|folder| folder.is_dir());
    let is_crate = read::beside(templates, "Cargo.toml").is_file();
    SitePaths {
        templates: templates.to_owned(),
        contracts: folder("contracts"),
        rust: folder("src").filter(|_| is_crate),
        ..SitePaths::default()
    }
}

/// Whether a folder named `templates` has to do with Hydra: many frameworks have such folders.
fn is_of_hydra(templates: &Path) -> bool {
    let places = [
        templates.join(read::SETTINGS),
        read::beside(templates, read::SETTINGS),
        read::beside(templates, "contracts"),
    ];
    places.iter().any(|place| place.exists()) || beside(templates).names_hydra()
}
