//! Remembers the logins of tokens that were verified, so that each token is verified once.
#![deny(clippy::disallowed_methods)]

use std::{collections::HashMap, mem, sync::Arc};

use foldhash::fast::RandomState;

use super::Login;
use crate::limits::MAX_VERIFIED_BYTES;

/// Logins by token, in two generations: when the younger one is full, the older one is dropped.
#[derive(Debug, Default)]
pub struct VerifiedLogins {
    young: Generation,
    old: Generation,
}

#[derive(Debug, Default)]
struct Generation {
    /// The whole token is the key: no other token finds the login.
    logins: HashMap<Box<str>, Arc<Login>, RandomState>,
    bytes: usize,
}

impl VerifiedLogins {
    /// The login of a token that was verified before and has not ended. `now` is in seconds since 1970.
    pub fn get(&mut self, token: &str, now: u64) -> Option<Arc<Login>> {
        if let Some(login) = self.young.logins.get(token) {
            return Some(login).filter(|login| now < login.expires).cloned();
        }
        let login = self.old.logins.get(token).filter(|login| now < login.expires)?;
        let login = Arc::clone(login);
        self.put(token, Arc::clone(&login));
        Some(login)
    }

    /// Remembers the login of a token that was verified.
    pub fn put(&mut self, token: &str, login: Arc<Login>) {
        // A login takes about as much memory as its token.
        let size = 2 * token.len();
        if self.young.bytes + size > MAX_VERIFIED_BYTES {
            self.old = mem::take(&mut self.young);
        }
        if self.young.logins.insert(token.into(), login).is_none() {
            self.young.bytes += size;
        }
    }

    /// Forgets all tokens, as when keys were taken back.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(expires: u64) -> Arc<Login> {
        Arc::new(Login {
            expires,
            ..Login::default()
        })
    }

    #[test]
    fn a_token_is_known_until_it_ends() {
        let mut verified = VerifiedLogins::default();
        verified.put("a", login(100));
        assert_eq!(verified.get("a", 99), Some(login(100)));
        assert_eq!(verified.get("a", 100), None);
        assert_eq!(verified.get("b", 0), None);
        verified.clear();
        assert_eq!(verified.get("a", 0), None);
    }

    #[test]
    fn memory_is_bounded_and_what_is_used_stays() {
        let mut verified = VerifiedLogins::default();
        let token = |n: usize| format!("{n:0>1000}");
        verified.put("used", login(100));
        let many = 5 * MAX_VERIFIED_BYTES / 2_000;
        for n in 0..many {
            verified.put(&token(n), login(100));
            assert!(verified.get("used", 0).is_some(), "after {n} others");
        }
        assert!(verified.young.bytes <= MAX_VERIFIED_BYTES && verified.old.bytes <= MAX_VERIFIED_BYTES);
        assert!(verified.young.logins.len() + verified.old.logins.len() < many / 2);
        assert_eq!(verified.get(&token(0), 0), None);
    }
}
