//! The users of an installation, and their passwords.

pub(crate) mod file;
mod passwords;
mod record;
mod redis;
mod store;

use futures_util::future::BoxFuture;

pub use file::UserFile;
pub(crate) use passwords::{Checked, Passwords};
pub use record::{BadUser, UserRecord};
pub(crate) use record::{User, check_name};
pub use store::UserStore;
pub(crate) use store::running;

/// Where users are kept.
pub(crate) trait Users: Send + Sync + 'static {
    /// The user of this name. `Err`: users can't be read at present.
    fn find<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<User>, String>>;

    /// Whether a login that was made for this revision of a user's record still counts. It is called for each request,
    /// and answers from memory.
    fn is_current(&self, name: &str, revision: &str) -> bool;

    /// Whether the users are known as they are at present, so that a login may be renewed.
    fn are_known(&self) -> bool {
        true
    }

    /// Reads again what other processes change.
    ///
    /// # Errors
    /// Why the former users stay, for the log.
    fn refresh(&self) -> BoxFuture<'_, Result<(), String>>;
}
