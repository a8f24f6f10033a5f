//! Keeps what operators changed in a file, for one gateway without Redis.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::registry::steering::Steering;

/// The state in the file. The default if there is no file yet.
///
/// # Errors
/// The file cannot be read, or no gateway wrote it.
pub(super) fn load(path: &Path) -> Result<Steering, String> {
    let wrong = |reason: String| format!("`{}`: {reason}", path.display());
    match fs::read_to_string(path) {
        Ok(text) => Steering::read(&text).map_err(wrong),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Steering::default()),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// Replaces the file at once: after a crash it has the old content or the new one.
pub(super) fn save(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new: PathBuf = path.with_file_name(name);
    let mut file = fs::File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    // The rename itself must outlive a crash of the machine, too.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
