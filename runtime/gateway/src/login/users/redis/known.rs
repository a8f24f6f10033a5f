//! The users that were read last from Redis.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::UserRecord;

/// Sealed records by name, as Redis has them. `None`: the user was removed.
pub(super) type Part = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// How many bytes a user of a part takes.
pub(super) fn size((name, sealed): &(Vec<u8>, Option<Vec<u8>>)) -> usize {
    name.len() + sealed.as_ref().map_or(0, Vec::len)
}

/// The epoch of a revision: what stands before the dot.
pub(super) fn epoch(revision: &str) -> &str {
    revision.split('.').next().unwrap_or_default()
}

/// A user as it was read.
pub(super) struct KnownUser {
    pub(super) record: UserRecord,
    /// The revision of the record.
    pub(super) revision: String,
    /// A mark of the sealed record: no two of them are the same text by chance, since each has a random nonce.
    mark: u64,
}

impl KnownUser {
    pub(super) fn new(record: UserRecord, sealed: &str) -> Self {
        Self {
            revision: record.revision(),
            record,
            mark: mark(sealed),
        }
    }
}

fn mark(sealed: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    sealed.hash(&mut hasher);
    hasher.finish()
}

/// All users at one revision.
pub(super) struct Known {
    pub(super) revision: String,
    users: BTreeMap<Arc<str>, Arc<KnownUser>>,
    started: Instant,
    /// When they were last known to be right, in milliseconds after `started`.
    right_at: AtomicU64,
}

impl Known {
    pub(super) fn new(revision: String, users: BTreeMap<Arc<str>, Arc<KnownUser>>) -> Self {
        Self {
            revision,
            users,
            started: Instant::now(),
            right_at: AtomicU64::new(0),
        }
    }

    /// The users with changes, at another revision.
    pub(super) fn with(&self, revision: String, changes: Vec<(String, Option<Arc<KnownUser>>)>) -> Self {
        let mut users = self.users.clone();
        for (name, user) in changes {
            match user {
                Some(user) => drop(users.insert(name.into(), user)),
                None => drop(users.remove(&*name)),
            }
        }
        Self::new(revision, users)
    }

    /// They were found to be right.
    pub(super) fn is_right_now(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.right_at.store(now, Relaxed);
    }

    /// How long ago they were last known to be right.
    pub(super) fn age(&self) -> Duration {
        let right_at = Duration::from_millis(self.right_at.load(Relaxed));
        self.started.elapsed().saturating_sub(right_at)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<KnownUser>> {
        self.users.get(name)
    }

    /// The user whose sealed record is the same text.
    pub(super) fn same(&self, name: &str, sealed: &str) -> Option<Arc<KnownUser>> {
        let user = self.users.get(name)?;
        (user.mark == mark(sealed)).then(|| Arc::clone(user))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.users.keys().map(|name| name.to_string())
    }

    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The records by name.
    pub(super) fn records(&self) -> BTreeMap<String, UserRecord> {
        let users = self.users.iter();
        users
            .map(|(name, user)| (name.to_string(), user.record.clone()))
            .collect()
    }
}
