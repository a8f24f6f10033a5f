//! Checks passwords: off the threads of requests, few at a time, and as long for users that do not exist.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use argon2::{Argon2, PasswordVerifier as _, password_hash::phc::PasswordHash};
use tokio::sync::Semaphore;

use super::record::{User, hash};
use crate::limits::{MAX_PASSWORD_BYTES, MAX_WAITING_LOGINS};

/// Checks passwords.
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// The hash of an unknown random password: checking it takes as long as checking a user's.
    dummy: String,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    Right,
    Wrong,
    /// Too many passwords wait to be checked.
    Busy,
}

impl Passwords {
    /// Checks at most half as many passwords at a time as the machine has CPUs. `None` only if the platform has no
    /// randomness.
    pub(crate) fn new() -> Option<Self> {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        Some(Self {
            places: Arc::new(Semaphore::new((cpus / 2).max(1))),
            waiting: AtomicUsize::new(0),
            dummy: hash(&uuid::Uuid::new_v4().to_string())?,
        })
    }

    /// Checks the password of a user. Without a user, the answer is [`Checked::Wrong`] after the same time.
    pub(crate) async fn check(&self, user: Option<&User>, password: &str) -> Checked {
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Relaxed);
            }
        }
        let before = self.waiting.fetch_add(1, Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= MAX_WAITING_LOGINS {
            return Checked::Busy;
        }
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
            return Checked::Busy;
        };
        let is_user = user.is_some();
        let known = user.map_or_else(|| self.dummy.clone(), |user| user.record.password.clone());
        // A longer one is wrong, and must not cost more.
        let is_long = password.len() > MAX_PASSWORD_BYTES;
        let password = if is_long {
            String::new()
        } else {
            password.to_owned()
        };
        let check = tokio::task::spawn_blocking(move || {
            // The place is free when the work is done, even if the visitor went away meanwhile.
            let _place = place;
            let hash = PasswordHash::new(&known);
            hash.is_ok_and(|hash| {
                Argon2::default()
                    .verify_password(password.as_bytes(), &hash)
                    .is_ok()
            })
        });
        match check.await {
            Ok(true) if is_user && !is_long => Checked::Right,
            _ => Checked::Wrong,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::login::users::UserRecord;

    #[tokio::test]
    async fn only_the_user_s_own_password_is_right() {
        let passwords = Passwords::new().expect("randomness");
        let user = |password: &str| User {
            name: "ann".into(),
            record: UserRecord::with_password(password).expect("good"),
        };
        let ann = user("correct horse");
        for (case, user, password, expected) in [
            ("the right one", Some(&ann), "correct horse", Checked::Right),
            ("another", Some(&ann), "correct house", Checked::Wrong),
            ("other letters", Some(&ann), "Correct horse", Checked::Wrong),
            ("nothing", Some(&ann), "", Checked::Wrong),
            ("more", Some(&ann), "correct horse ", Checked::Wrong),
            ("very much", Some(&ann), &"x".repeat(100_000), Checked::Wrong),
            ("no user", None, "correct horse", Checked::Wrong),
            ("no user and no password", None, "", Checked::Wrong),
        ] {
            assert_eq!(passwords.check(user, password).await, expected, "{case}");
        }
    }

    #[tokio::test]
    async fn a_flood_waits_in_a_bounded_queue() {
        let passwords = Passwords::new().expect("randomness");
        // No place is free, so that all wait.
        let count = u32::try_from(passwords.places.available_permits()).expect("few");
        let held = Arc::clone(&passwords.places)
            .acquire_many_owned(count)
            .await
            .expect("open");
        let mut waiting: Vec<_> = (0..MAX_WAITING_LOGINS)
            .map(|_| Box::pin(passwords.check(None, "x")))
            .collect();
        for one in &mut waiting {
            assert!(one.as_mut().now_or_never().is_none());
        }
        assert_eq!(passwords.check(None, "x").await, Checked::Busy);
        waiting.pop();
        let mut next = Box::pin(passwords.check(None, "x"));
        assert!(next.as_mut().now_or_never().is_none(), "a place was left");
        drop((waiting, held));
        assert_eq!(next.await, Checked::Wrong);
        assert_eq!(passwords.waiting.load(Relaxed), 0);
    }
}
