//! Lists the static files that an application names in its registration.

use std::{fs, io, path::Path};

use hydra_runtime_wire::limits::MAX_REGISTRATION_ENTRIES;

use crate::limits::MAX_FOLDER_DEPTH;

/// How many files a registration names: the gateway refuses more.
const MAX_FILES: usize = MAX_REGISTRATION_ENTRIES;

/// The files below `folder`, as sorted paths with `/`. Hidden files are left out.
///
/// # Errors
/// The folder can't be read, or holds too many files.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    walk(folder, "", 0, &mut files)?;
    files.sort();
    Ok(files)
}

fn walk(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // No request can name a file whose name is not UTF-8.
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        // A link counts as its target. A link without a target is left out.
        let Ok(kind) = fs::metadata(entry.path()) else {
            continue;
        };
        if kind.is_dir() && depth < MAX_FOLDER_DEPTH {
            walk(&entry.path(), &format!("{path}/"), depth + 1, files)?;
        } else if kind.is_file() {
            files.push(path);
        }
        if files.len() > MAX_FILES {
            return Err(io::Error::other(format!("it holds more than {MAX_FILES} files")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_with_slashes_and_hidden_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("css/.git")).unwrap();
        for file in ["b.js", "css/app.css", ".env", "css/.git/config"] {
            fs::write(folder.path().join(file), "x").unwrap();
        }
        assert_eq!(list(folder.path()).unwrap(), ["b.js", "css/app.css"]);
        assert!(list(&folder.path().join("none")).is_err());
    }
}
