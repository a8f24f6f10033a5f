//! Users in a file, which `hydra user` writes.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use serde::{Deserialize, Serialize};

use super::{
    User, Users,
    record::{UserRecord, check_name},
};
use crate::{limits::MAX_USER_FILE_BYTES, login::private_file};

const HEAD: &str =
    "# Users of Hydra. Change them with `hydra user`: running gateways notice it within 5 seconds.\n\n";

/// A file with users.
#[derive(Clone, Debug)]
pub struct UserFile {
    path: PathBuf,
}

/// The content of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    #[serde(default)]
    users: BTreeMap<String, UserRecord>,
}

impl UserFile {
    /// A file, which is made with its first user.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The users by name.
    ///
    /// # Errors
    /// The file can't be read, or has other content. The error is a message for people, and shows no secret.
    pub fn users(&self) -> Result<BTreeMap<String, UserRecord>, String> {
        let text = match private_file::read(&self.path, MAX_USER_FILE_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(self.wrong(&error)),
        };
        parse(&text).map_err(|reason| self.wrong(&reason))
    }

    /// Changes the users. Other commands that change them wait meanwhile, and a crash leaves the old or the new content.
    ///
    /// # Errors
    /// The file can't be read or written, or `change` refuses. Then nothing has changed.
    pub fn change<T>(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, UserRecord>) -> Result<T, String>,
    ) -> Result<T, String> {
        let _lock = self.lock()?;
        let mut users = self.users()?;
        let done = change(&mut users)?;
        for (name, record) in &users {
            let checked = check_name(name).and_then(|()| record.check());
            checked.map_err(|bad| format!("user `{}`: {bad}", name.escape_debug()))?;
        }
        let text = toml::to_string(&Content { users }).map_err(|error| self.wrong(&error))?;
        let text = format!("{HEAD}{text}");
        if text.len() as u64 > MAX_USER_FILE_BYTES {
            return Err(self.wrong(&format!("it would be longer than {MAX_USER_FILE_BYTES} bytes")));
        }
        private_file::replace(&self.path, text.as_bytes()).map_err(|error| self.wrong(&error))?;
        Ok(done)
    }

    /// Waits until no other process changes the file. The lock ends with the process at the latest.
    fn lock(&self) -> Result<File, String> {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        let path = self.path.with_file_name(name);
        let locked = private_file::open_lock(&path).and_then(|file| file.lock().map(|()| file));
        locked.map_err(|error| format!("`{}`: {error}", path.display()))
    }

    fn wrong(&self, reason: &dyn std::fmt::Display) -> String {
        format!("`{}`: {reason}", self.path.display())
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn parse(text: &str) -> Result<BTreeMap<String, UserRecord>, String> {
    // The whole error would show a line of the file.
    let unreadable = |error: toml::de::Error| {
        let line = error.span().map_or(1, |span| {
            text.get(..span.start).unwrap_or(text).lines().count().max(1)
        });
        // It would show the value, which may be a hash.
        let message = match error.message() {
            message if message.starts_with("invalid") => "a value has another type than it must have",
            message => message,
        };
        format!("line {line}: {message}")
    };
    let Content { users } = toml::from_str(text).map_err(unreadable)?;
    for (name, record) in &users {
        let checked = check_name(name).and_then(|()| record.check());
        checked.map_err(|bad| format!("user `{}`: {bad}", name.escape_debug()))?;
    }
    Ok(users)
}

/// The users of a file, as a running gateway knows them.
pub(crate) struct FileUsers {
    file: UserFile,
    known: Arc<ArcSwap<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    text: String,
    users: BTreeMap<String, KnownUser>,
}

#[derive(Debug)]
struct KnownUser {
    record: UserRecord,
    revision: String,
}

impl FileUsers {
    /// The users of a file, read once.
    ///
    /// # Errors
    /// As for [`UserFile::users`].
    pub(crate) fn new(file: UserFile) -> Result<Self, String> {
        let users = Self {
            file,
            known: Arc::default(),
        };
        Self::read(&users.file, &users.known)?;
        Ok(users)
    }

    fn read(file: &UserFile, known_users: &ArcSwap<Known>) -> Result<(), String> {
        let text = match private_file::read(&file.path, MAX_USER_FILE_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(file.wrong(&error)),
        };
        if text == known_users.load().text {
            return Ok(());
        }
        let users = parse(&text).map_err(|reason| file.wrong(&reason))?;
        let known = |(name, record): (String, UserRecord)| {
            let revision = record.revision();
            (name, KnownUser { record, revision })
        };
        let users = users.into_iter().map(known).collect();
        known_users.store(Arc::new(Known { text, users }));
        Ok(())
    }
}

impl Users for FileUsers {
    fn find<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<User>, String>> {
        let known = self.known.load();
        let found = known.users.get(name).map(|user| User {
            name: name.to_owned(),
            record: user.record.clone(),
        });
        ready(Ok(found)).boxed()
    }

    fn is_current(&self, name: &str, revision: &str) -> bool {
        self.known
            .load()
            .users
            .get(name)
            .is_some_and(|user| user.revision == revision)
    }

    fn refresh(&self) -> BoxFuture<'_, Result<(), String>> {
        let (file, known) = (self.file.clone(), Arc::clone(&self.known));
        private_file::off_thread(move || Self::read(&file, &known))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    const HASH: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn record(role: &str) -> UserRecord {
        UserRecord {
            password: HASH.into(),
            roles: vec![role.into()],
            ..UserRecord::default()
        }
    }

    fn add(file: &UserFile, name: &str, role: &str) -> Result<(), String> {
        file.change(|users| {
            users.insert(name.to_owned(), record(role));
            Ok(())
        })
    }

    #[tokio::test]
    async fn a_running_gateway_follows_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = UserFile::new(folder.path().join("users.toml"));
        let users = FileUsers::new(file.clone()).expect("no file yet");
        assert_eq!(users.find("ann").await, Ok(None));
        add(&file, "ann", "USER").expect("written");
        add(&file, "bob \"x\" = é", "USER").expect("written");
        users.refresh().await.expect("read");
        let ann = users.find("ann").await.expect("read").expect("there");
        let revision = ann.record.revision();
        assert!(users.is_current("ann", &revision) && !users.is_current("bob", &revision));
        assert!(users.find("bob \"x\" = é").await.expect("read").is_some());
        add(&file, "ann", "ADMIN").expect("written");
        users.refresh().await.expect("read");
        assert!(!users.is_current("ann", &revision), "her roles have changed");
        file.change(|users| Ok(users.remove("ann"))).expect("written");
        users.refresh().await.expect("read");
        assert_eq!(users.find("ann").await, Ok(None));
        let mode = fs::metadata(file.path()).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn what_can_not_be_read_changes_nothing_and_shows_no_hash() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = UserFile::new(folder.path().join("users.toml"));
        add(&file, "ann", "USER").expect("written");
        let users = FileUsers::new(file.clone()).expect("read");
        let good = fs::read_to_string(file.path()).expect("there");
        for (case, text, expected) in [
            ("cut", good[..good.len() - 10].to_owned(), "line "),
            (
                "another member",
                format!("{good}\nadmin = true\n"),
                "unknown field `admin`",
            ),
            (
                "a plain password",
                "[users.ann]\npassword = \"secret\"\n".to_owned(),
                "user `ann`: the password is not a hash",
            ),
            (
                "a role that is a number",
                format!("[users.ann]\npassword = \"{HASH}\"\nroles = [1]\n"),
                "line 3",
            ),
            (
                "characters of several bytes",
                format!("# \u{20ac}\u{20ac}\n[users.\"\u{20ac}\"]\npassword = \"{HASH}\"\n\u{1f600} = 1\n"),
                "line 3",
            ),
            (
                "a name with a line",
                format!("[users.\"a\\nb\"]\npassword = \"{HASH}\"\n"),
                "user `a\\nb`: a name has",
            ),
        ] {
            fs::write(file.path(), &text).expect("written");
            let error = users.refresh().await.expect_err(case);
            assert!(
                error.contains(expected) && !error.contains("argon2id") && !error.contains("\"secret\""),
                "{case}: {error}"
            );
            assert!(file.change(|_| Ok(())).is_err(), "{case}");
            assert_eq!(
                fs::read_to_string(file.path()).expect("there"),
                text,
                "{case}: no command overwrites it"
            );
            assert!(users.find("ann").await.expect("known").is_some(), "{case}");
        }
    }

    #[test]
    fn changes_at_the_same_time_are_all_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = UserFile::new(folder.path().join("users.toml"));
        std::thread::scope(|scope| {
            for n in 0..8 {
                let file = &file;
                scope.spawn(move || add(file, &format!("user{n}"), "USER").expect("written"));
            }
        });
        assert_eq!(file.users().map(|users| users.len()), Ok(8));
        let left: Vec<_> = fs::read_dir(folder.path()).expect("a folder").collect();
        assert_eq!(left.len(), 2, "the file and its lock: {left:?}");
    }
}
