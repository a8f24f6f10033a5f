//! Finds the files that are templates, and their names in Tera.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{FileToRead, ReadError, STDIN_NAME, TEMPLATE_ENDINGS, walk};

/// The templates at all paths, sorted by name.
pub(super) fn template_files(paths: &[PathBuf]) -> Result<Vec<FileToRead>, ReadError> {
    let mut wanted = Vec::new();
    let root = common_folder(paths.iter().filter(|path| !path.is_dir()));
    for path in paths {
        if path.is_dir() {
            let files = walk::files(path, TEMPLATE_ENDINGS)?;
            if files.is_empty() {
                return Err(ReadError::NoTemplates(path.clone()));
            }
            wanted.extend(files);
        } else if path.as_os_str() == "-" {
            wanted.push(FileToRead {
                name: STDIN_NAME.to_owned(),
                path: path.clone(),
            });
        } else if path.exists() {
            let name = walk::template_name(path.strip_prefix(&root).unwrap_or(path));
            wanted.push(FileToRead {
                name,
                path: path.clone(),
            });
        } else {
            return Err(ReadError::Missing(path.clone()));
        }
    }
    wanted.sort();
    wanted.dedup();
    refuse_same_names(&wanted)?;
    Ok(wanted)
}

/// The deepest folder that holds all files which were named one by one. Their names start there.
fn common_folder<'a>(files: impl Iterator<Item = &'a PathBuf>) -> PathBuf {
    let parents = files
        .filter(|path| path.as_os_str() != "-")
        .filter_map(|path| path.parent());
    let common = |left: PathBuf, right: &Path| {
        let same = left
            .components()
            .zip(right.components())
            .take_while(|(one, other)| one == other);
        same.map(|(component, _)| component).collect()
    };
    let mut parents = parents;
    let first = parents.next().map(Path::to_path_buf).unwrap_or_default();
    parents.fold(first, common)
}

fn refuse_same_names(wanted: &[FileToRead]) -> Result<(), ReadError> {
    let mut seen: BTreeMap<&str, &Path> = BTreeMap::new();
    for file in wanted {
        if let Some(other) = seen.insert(&file.name, &file.path) {
            return Err(ReadError::SameName(
                file.name.clone(),
                other.to_path_buf(),
                file.path.clone(),
            ));
        }
    }
    Ok(())
}
