//! Writes a new folder: whole, or not at all.

use std::{fs, io, path::Path};

use super::files::NewFile;
use crate::Stop;

/// Writes `files` as the folder `target`. They are written in a folder of another name in `beside` first, which must lie on the same
/// device as `target`.
///
/// # Errors
/// `target` exists, or can't be written. Nothing is left then.
pub(super) fn new_folder(target: &Path, beside: &Path, files: &[NewFile]) -> Result<(), Stop> {
    // A link that leads nowhere exists, too.
    if target.symlink_metadata().is_ok() {
        return Err(Stop(format!(
            "`{}` exists already, and nothing is overwritten: choose another name",
            target.display()
        )));
    }
    let draft = beside.join(format!(".hydra-new-{}", uuid::Uuid::new_v4().simple()));
    let written = write(&draft, files).and_then(|()| fs::rename(&draft, target));
    written.map_err(|error| {
        // What is left, where it can't be removed, has a name that says where it is from.
        let _ = fs::remove_dir_all(&draft);
        Stop(format!("cannot make `{}`: {error}", target.display()))
    })
}

fn write(folder: &Path, files: &[NewFile]) -> io::Result<()> {
    fs::create_dir(folder)?;
    for file in files {
        let path = folder.join(&file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, &file.text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> NewFile {
        NewFile {
            path: path.to_owned(),
            text: "x\n".to_owned(),
        }
    }

    fn entries(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_has_its_files_and_nothing_lies_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("shop");
        new_folder(&target, folder.path(), &[file("a/b/c.rs"), file(".gitignore")]).expect("written");
        assert_eq!(entries(folder.path()), ["shop"]);
        assert_eq!(entries(&target), [".gitignore", "a"]);
        assert_eq!(
            fs::read_to_string(target.join("a/b/c.rs")).expect("a file"),
            "x\n"
        );
    }

    #[test]
    fn what_exists_is_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let (full, empty) = (folder.path().join("full"), folder.path().join("empty"));
        fs::create_dir(&empty).expect("a folder");
        fs::write(&full, "mine").expect("a file");
        for target in [&full, &empty] {
            let Stop(error) = new_folder(target, folder.path(), &[file("a")]).expect_err("it exists");
            assert!(
                error.ends_with("exists already, and nothing is overwritten: choose another name"),
                "{error}"
            );
        }
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink("/nowhere/at/all", &link).expect("a link");
            new_folder(&link, folder.path(), &[file("a")]).expect_err("it exists");
        }
        assert_eq!(fs::read_to_string(&full).expect("a file"), "mine");
        assert_eq!(entries(&empty), Vec::<String>::new());
    }

    #[test]
    fn a_failure_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("shop");
        // The second file needs a folder where the first one is.
        let Stop(error) =
            new_folder(&target, folder.path(), &[file("a"), file("a/b")]).expect_err("no folder");
        assert!(
            error.starts_with("cannot make `") && error.contains("shop`: "),
            "{error}"
        );
        assert_eq!(entries(folder.path()), Vec::<String>::new());
        let elsewhere = folder.path().join("none/shop");
        new_folder(&elsewhere, folder.path(), &[file("a")]).expect_err("no folder to be in");
        assert_eq!(entries(folder.path()), Vec::<String>::new());
    }
}
