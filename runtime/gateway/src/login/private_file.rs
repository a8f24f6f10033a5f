//! Files with secrets: only their owner can read them, and after a crash they have the old content or the new one.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use futures_util::future::{BoxFuture, FutureExt as _};

/// Runs work with files on a thread where it holds up no request.
pub(super) fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> BoxFuture<'static, Result<T, String>> {
    async move {
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|error| Err(format!("the work with a file was not done: {error}")))
    }
    .boxed()
}

/// Makes a folder that only its owner can read, with its parents. A folder that is there stays as it is.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The text of a file.
///
/// # Errors
/// It can't be read, or has more than `most` bytes.
pub(super) fn read(path: &Path, most: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(most + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most {
        return Err(io::Error::other(format!("it is longer than {most} bytes")));
    }
    Ok(text)
}

/// Writes a new file.
///
/// # Errors
/// There is one already, or it can't be written.
pub(super) fn create(path: &Path, text: &[u8]) -> io::Result<()> {
    let new = write_beside(path, text)?;
    // Unlike renaming, this replaces no file.
    let linked = fs::hard_link(&new, path);
    fs::remove_file(&new)?;
    linked.and_then(|()| sync_folder(path))
}

/// Writes a file, or replaces it.
///
/// # Errors
/// It can't be written. The old file is still there.
pub(super) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let new = write_beside(path, text)?;
    fs::rename(&new, path)?;
    sync_folder(path)
}

/// Opens a file that only serves as a lock. It is made if it is not there.
pub(super) fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Writes a file with a name of its own in the same folder.
fn write_beside(path: &Path, text: &[u8]) -> io::Result<PathBuf> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", uuid::Uuid::new_v4().simple()));
    let new = path.with_file_name(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| {
            file.write_all(text)?;
            file.sync_all()
        });
    match written {
        Ok(()) => Ok(new),
        Err(error) => {
            // The first error is the one to tell.
            let _ = fs::remove_file(&new);
            Err(error)
        }
    }
}

/// A new name must outlive a crash of the machine, too.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Adds a line to a file, which is made if it is not there.
pub(super) fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    // One call, so that lines of two processes do not mix.
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_all()
}
