//! One `hydra dev` at a time for each service: a second one is told who holds it.

use std::{
    collections::hash_map::DefaultHasher,
    env,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    hash::{Hash as _, Hasher as _},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use super::Stop;

/// The longest text of a holder that is read.
const MAX_HOLDER_BYTES: u64 = 200;

/// A folder that no other `hydra dev` serves, until this is dropped or the process ends.
#[derive(Debug)]
pub(super) struct Lock(File);

/// Takes the folder of a service.
///
/// # Errors
/// Another process holds it: the text names that one.
pub(super) fn hold(folder: &Path) -> Result<Lock, Stop> {
    let failed = |error: io::Error| {
        Stop(format!(
            "can't find out whether `hydra dev` runs for `{}`: {error}",
            folder.display()
        ))
    };
    hold_in(&own_folder().map_err(failed)?, folder)
}

fn hold_in(locks: &Path, folder: &Path) -> Result<Lock, Stop> {
    let shown = folder.display();
    let failed = |error: io::Error| {
        Stop(format!(
            "can't find out whether `hydra dev` runs for `{shown}`: {error}"
        ))
    };
    let real = fs::canonicalize(folder).map_err(failed)?;
    let mut hasher = DefaultHasher::new();
    real.hash(&mut hasher);
    let path = locks.join(format!("{:016x}.lock", hasher.finish()));
    let open = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    let file = open.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            let lock = Lock(file);
            lock.say(&format!("process {}", std::process::id()));
            Ok(lock)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // A holder that says nothing is one that has just begun.
            let _ = file.take(MAX_HOLDER_BYTES).read_to_string(&mut holder);
            let holder = match holder.is_empty() {
                true => "another process",
                false => holder.trim(),
            };
            Err(Stop(format!(
                "`hydra dev` runs for `{shown}` already: {holder} holds it. Stop that one, or name other folders"
            )))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

impl Lock {
    /// Says where the pages of the holder are.
    pub(super) fn announce(&self, address: &str) {
        self.say(&format!("process {} at {address}", std::process::id()));
    }

    fn say(&self, holder: &str) {
        // The lock counts, not the text.
        let _ = self
            .0
            .set_len(0)
            .and_then(|()| (&self.0).rewind())
            .and_then(|()| write!(&self.0, "{holder}"));
    }
}

/// A folder that only this user can enter.
pub(super) fn own_folder() -> io::Result<PathBuf> {
    let user = rustix::process::getuid().as_raw();
    let folder = match env::var_os("XDG_RUNTIME_DIR").filter(|folder| Path::new(folder).is_dir()) {
        Some(folder) => PathBuf::from(folder).join("hydra-dev"),
        None => env::temp_dir().join(format!("hydra-dev-{user}")),
    };
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(&folder)?;
    if !found.is_dir() || found.uid() != user || found.mode() & 0o077 != 0 {
        let text = format!("`{}` is not a folder of yours alone: remove it", folder.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_once_and_the_holder_is_named() {
        let around = tempfile::tempdir().expect("a folder");
        let folder = |name: &str| {
            let path = around.path().join(name);
            fs::create_dir_all(&path).expect("made");
            path
        };
        let (locks, shop) = (folder("locks"), folder("shop"));
        let first = hold_in(&locks, &shop).expect("it is free");
        first.announce("http://127.0.0.1:8081");
        let Err(Stop(text)) = hold_in(&locks, &shop.join("../shop")) else {
            panic!("it is held twice")
        };
        let holder = format!("process {} at http://127.0.0.1:8081 holds it", std::process::id());
        assert!(text.contains(&holder), "{text}");
        hold_in(&locks, &folder("blog")).expect("another folder is free");
        drop(first);
        hold_in(&locks, &shop).expect("it is free again");
    }
}
