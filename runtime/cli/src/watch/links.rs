//! Where the links of a folder lead: changes there are changes of the folder.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The most entries of a folder that are read, and the most links that are followed.
const MAX_ENTRIES: usize = 100_000;
const MAX_LINKS: usize = 4_096;
/// The longest chain of links.
const MAX_HOPS: usize = 40;

/// The places outside of a folder to which its links lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Links {
    /// Files and further links, one by one.
    pub(super) files: BTreeSet<PathBuf>,
    /// Folders with everything in them.
    pub(super) folders: BTreeSet<PathBuf>,
}

impl Links {
    /// Follows the links in `root`, with those in folders inside if it is watched deeply, and `root` itself if it is a link. Unreadable
    /// entries are left out.
    pub(super) fn of(root: &Path, is_deep: bool) -> Self {
        let mut links = Links::default();
        let (mut seen, mut entries) = (BTreeSet::new(), 0);
        if root.is_symlink() {
            links.follow(root);
        }
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            // A link may lead back to a folder around it.
            if !fs::canonicalize(&folder).is_ok_and(|real| seen.insert(real)) {
                continue;
            }
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                entries += 1;
                if entries > MAX_ENTRIES || links.files.len() > MAX_LINKS {
                    return links;
                }
                let path = entry.path();
                if path.is_symlink() {
                    links.follow(&path);
                }
                if is_deep && path.is_dir() {
                    folders.push(path);
                }
            }
        }
        links
    }

    /// Whether a changed path is one of these places or inside one of them.
    pub(super) fn concern(&self, changed: &Path) -> bool {
        self.files.contains(changed) || self.folders.iter().any(|folder| changed.starts_with(folder))
    }

    /// The folders in which files and links must be watched.
    pub(super) fn parents(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().filter_map(|file| file.parent())
    }

    fn follow(&mut self, link: &Path) {
        let mut at = link.to_owned();
        for _ in 0..MAX_HOPS {
            let Ok(target) = fs::read_link(&at) else {
                break;
            };
            let target = at.parent().unwrap_or(Path::new("/")).join(target);
            let Some(next) = place(&target) else {
                break;
            };
            self.files.insert(next.clone());
            at = next;
        }
        if at.is_dir()
            && let Ok(real) = fs::canonicalize(&at)
        {
            self.folders.insert(real);
        }
    }
}

/// The path by which the system reports changes of `path` itself, which may be a link or absent.
fn place(path: &Path) -> Option<PathBuf> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Some(fs::canonicalize(parent).ok()?.join(name)),
        // The path ends in `..`.
        _ => fs::canonicalize(path).ok(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_to_where_they_end() {
        let around = tempfile::tempdir().expect("a folder");
        let around = around.path().canonicalize().expect("it is there");
        let path = |name: &str| around.join(name);
        for folder in ["site/sub", "far/inner", "releases/1"] {
            fs::create_dir_all(path(folder)).expect("made");
        }
        for file in ["far/page.html", "far/inner/x.html", "site/own.html"] {
            fs::write(path(file), "").expect("written");
        }
        for (link, target) in [
            ("site/a.html", path("far/page.html")),
            ("site/sub/b.html", "../../far/page.html".into()),
            ("site/chain.html", path("hop.html")),
            ("hop.html", "far/page.html".into()),
            ("site/folder", path("far/inner")),
            ("site/back", "..".into()),
            ("site/later.html", path("far/later.html")),
            ("site/circle", "circle".into()),
            ("current", "releases/1".into()),
        ] {
            symlink(target, path(link)).expect("linked");
        }
        let links = Links::of(&path("site"), true);
        for (changed, concerns) in [
            ("far/page.html", true),
            ("hop.html", true),
            ("far/later.html", true),
            ("far/inner", true),
            ("far/inner/x.html", true),
            ("far/inner/deeper/y.html", true),
        ] {
            assert_eq!(links.concern(&path(changed)), concerns, "{changed}");
        }
        fs::remove_file(path("site/back")).expect("removed");
        let links = Links::of(&path("site"), true);
        for other in ["far/other.html", "other.html", "far", "site/own.html"] {
            assert!(!links.concern(&path(other)), "{other}");
        }
        let parents: BTreeSet<_> = links.parents().map(Path::to_owned).collect();
        assert_eq!(
            parents,
            BTreeSet::from([around.clone(), path("far"), path("site")])
        );
        let root = Links::of(&path("current"), true);
        assert!(root.concern(&path("releases/1")) && root.folders.contains(&path("releases/1")));
        assert_eq!(Links::of(&path("nothing"), true), Links::default());
        let shallow = Links::of(&path("site"), false);
        assert!(shallow.concern(&path("hop.html")) && !shallow.concern(&path("far/later/x.html")));
        fs::remove_file(path("site/a.html")).expect("removed");
        fs::remove_file(path("site/chain.html")).expect("removed");
        assert!(!Links::of(&path("site"), false).concern(&path("far/page.html")));
    }
}
