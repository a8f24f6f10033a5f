//! Login keys in a folder, for one gateway: a file for each key, which only its owner can read.

use std::{fs, io, path::PathBuf};

use futures_util::future::BoxFuture;

use super::{KeyRecord, KeyStore, is_key_needed, next};
use crate::{
    limits::{MAX_ENDED_FILE_BYTES, MAX_LOGIN_KEY_BYTES, MAX_LOGIN_KEY_FILES},
    login::{ended::Ending, private_file},
};

const EXTENSION: &str = "key";
/// The file of logins that were ended before their time: one JSON object a line.
const ENDINGS: &str = "ended.jsonl";

/// A folder with login keys.
#[derive(Clone, Debug)]
pub(crate) struct KeyFolder {
    path: PathBuf,
}

impl KeyFolder {
    /// A folder, which is made with its first key.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The keys, oldest first.
    ///
    /// # Errors
    /// A file can't be read, or holds something else than a key. The error is a message for people.
    pub(crate) fn records(&self) -> Result<Vec<KeyRecord>, String> {
        let folder = match fs::read_dir(&self.path) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.wrong(&error)),
        };
        let mut records = Vec::new();
        for entry in folder {
            let path = entry.map_err(|error| self.wrong(&error))?.path();
            if path.extension().is_none_or(|extension| extension != EXTENSION) {
                continue;
            }
            if records.len() == MAX_LOGIN_KEY_FILES {
                return Err(self.wrong(&format!("it has more than {MAX_LOGIN_KEY_FILES} keys")));
            }
            let wrong = |reason: &dyn std::fmt::Display| format!("`{}`: {reason}", path.display());
            let text = match private_file::read(&path, MAX_LOGIN_KEY_BYTES) {
                Ok(text) => text,
                // Another process removed a retired key.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(wrong(&error)),
            };
            let record = KeyRecord::read(&text).map_err(|reason| wrong(&reason))?;
            if record.pair().is_none() {
                return Err(wrong(&"it does not contain a login key"));
            }
            records.push(record);
        }
        records.sort_by_key(|record| record.generation);
        Ok(records)
    }

    /// Makes the next key, which signs a minute later, or at once if it is the first. Returns its record.
    /// `now` is in seconds since 1970.
    ///
    /// # Errors
    /// It can't be written. The error is a message for people.
    fn rotate(&self, now: u64) -> Result<KeyRecord, String> {
        let records = self.records()?;
        let made = hydra_runtime_wire::login::LoginKeyPair::generate()
            .and_then(|pair| next(&records, &pair, now))
            .ok_or("the platform's cryptography can't make a key")?;
        match self.put(&made)? {
            true => Ok(made),
            false => Err(self.wrong(&"another process made a key at the same time")),
        }
    }

    /// Makes the first key if there is none.
    ///
    /// # Errors
    /// As for [`KeyFolder::rotate`].
    pub(crate) fn ensure_first(&self, now: u64) -> Result<Vec<KeyRecord>, String> {
        let records = self.records()?;
        if !is_key_needed(&records, now, u64::MAX) {
            return Ok(records);
        }
        let rotated = self.rotate(now);
        // Another process may have made it meanwhile.
        let records = self.records()?;
        match rotated {
            Err(error) if records.is_empty() => Err(error),
            _ => Ok(records),
        }
    }

    /// Writes a key. Returns whether its generation was free.
    fn put(&self, record: &KeyRecord) -> Result<bool, String> {
        private_file::make_folder(&self.path).map_err(|error| self.wrong(&error))?;
        let path = self.file(record.generation);
        match private_file::create(&path, record.text().as_bytes()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(format!("`{}`: {error}", path.display())),
        }
    }

    fn endings_file(&self) -> PathBuf {
        self.path.join(ENDINGS)
    }

    /// The ended logins that would not have ended by themselves until `now`. The file is written anew when most of it is
    /// out of date.
    ///
    /// # Errors
    /// It can't be read or written. The error is a message for people.
    pub(crate) fn endings(&self, now: u64) -> Result<Vec<Ending>, String> {
        let path = self.endings_file();
        let wrong = |error: io::Error| format!("`{}`: {error}", path.display());
        let text = match private_file::read(&path, MAX_ENDED_FILE_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(wrong(error)),
        };
        // The last line may be cut after a crash.
        let all = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Ending>(line).ok());
        let left: Vec<Ending> = all.filter(|ending| now < ending.until()).collect();
        if text.lines().count() > 2 * left.len() + 100 {
            let lines = left
                .iter()
                .map(|ending| serde_json::to_string(ending).unwrap_or_default() + "\n");
            private_file::replace(&path, lines.collect::<String>().as_bytes()).map_err(wrong)?;
        }
        Ok(left)
    }

    fn file(&self, generation: u64) -> PathBuf {
        self.path.join(format!("{generation}.{EXTENSION}"))
    }

    fn wrong(&self, reason: &dyn std::fmt::Display) -> String {
        format!("`{}`: {reason}", self.path.display())
    }
}

impl KeyStore for KeyFolder {
    fn load(&self) -> BoxFuture<'_, Result<Vec<KeyRecord>, String>> {
        let folder = self.clone();
        private_file::off_thread(move || folder.records())
    }

    fn add<'a>(&'a self, record: &'a KeyRecord) -> BoxFuture<'a, Result<bool, String>> {
        let (folder, record) = (self.clone(), record.clone());
        private_file::off_thread(move || folder.put(&record))
    }

    fn end<'a>(&'a self, ending: &'a Ending) -> BoxFuture<'a, Result<(), String>> {
        let path = self.endings_file();
        let line = serde_json::to_string(ending).unwrap_or_default();
        private_file::off_thread(move || {
            private_file::append(&path, &line).map_err(|error| format!("`{}`: {error}", path.display()))
        })
    }

    fn endings(&self, now: u64) -> BoxFuture<'_, Result<Vec<Ending>, String>> {
        let folder = self.clone();
        private_file::off_thread(move || folder.endings(now))
    }

    fn remove(&self, generation: u64) -> BoxFuture<'_, Result<(), String>> {
        let path = self.file(generation);
        private_file::off_thread(move || match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(format!("`{}`: {error}", path.display()))
            }
            _ => Ok(()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, path::Path};

    use super::*;

    #[test]
    fn keys_survive_in_files_that_only_their_owner_can_read() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = KeyFolder::new(parent.path().join("keys"));
        assert_eq!(folder.records(), Ok(Vec::new()));
        let first = folder.ensure_first(100).expect("a key");
        assert_eq!(folder.ensure_first(200), Ok(first.clone()), "it stays");
        assert_eq!((first[0].generation, first[0].signs_from), (1, 100));
        let second = folder.rotate(200).expect("a key");
        assert_eq!(
            (second.generation, second.signs_from),
            (2, 200 + crate::limits::LOGIN_KEY_LEAD_SECS)
        );
        assert_eq!(folder.put(&second), Ok(false), "no key replaces another");
        assert_eq!(folder.records(), Ok(vec![first[0].clone(), second]));
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!((mode(&folder.path), mode(&folder.file(1))), (0o700, 0o600));
    }

    #[tokio::test]
    async fn ended_logins_survive_until_they_would_have_ended() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = KeyFolder::new(parent.path().join("keys"));
        folder.ensure_first(1).expect("a key");
        assert_eq!(folder.endings(0), Ok(Vec::new()));
        let one = |sid: String, until| Ending::One { sid, until };
        for n in 0..250 {
            assert_eq!(KeyStore::end(&folder, &one(n.to_string(), n)).await, Ok(()));
        }
        private_file::append(&folder.endings_file(), "{\"one\":{\"sid\":").expect("written");
        assert_eq!(folder.endings(0).map(|all| all.len()), Ok(249));
        assert_eq!(folder.endings(248), Ok(vec![one("249".into(), 249)]));
        let text = fs::read_to_string(folder.endings_file()).expect("there");
        assert_eq!(text.lines().count(), 1, "what is out of date is gone: {text}");
        assert_eq!(folder.records().map(|records| records.len()), Ok(1));
    }

    #[test]
    fn what_is_wrong_with_a_folder_is_said() {
        let parent = tempfile::tempdir().expect("a folder");
        let file = parent.path().join("file");
        fs::write(&file, "x").expect("a file");
        let error = KeyFolder::new(file).records().expect_err("a file");
        assert!(error.contains("file`: "), "{error}");
        let folder = KeyFolder::new(parent.path().join("keys"));
        folder.ensure_first(1).expect("a key");
        for (name, text, expected) in [
            ("2.key", "{}", "2.key`: it does not contain a login key"),
            ("3.key", &"x".repeat(100_000), "3.key`: it is longer than"),
        ] {
            let path = folder.path.join(name);
            fs::write(&path, text).expect("a file");
            let error = folder.records().expect_err("no key");
            assert!(error.contains(expected), "{error}");
            fs::remove_file(path).expect("removed");
        }
        fs::write(folder.path.join("readme.txt"), "x").expect("a file");
        assert_eq!(folder.records().map(|records| records.len()), Ok(1));
    }
}
