//! The keys of the installation, with which a service verifies logins.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use arc_swap::ArcSwap;
use http::HeaderMap;
use hydra_runtime_wire::{
    cookies,
    login::{Login, LoginKeys, VerifiedLogins},
    signing::seconds,
};
use serde_json::Value;

use crate::limits::MAX_CLOCK_SKEW_SECONDS;

/// The keys that the gateway gave when this application registered.
#[derive(Debug, Default)]
pub(crate) struct ServiceKeys {
    audience: String,
    keys: ArcSwap<(Value, LoginKeys)>,
    /// The lock is held for one look-up, never across an await.
    verified: Mutex<VerifiedLogins>,
}

impl ServiceKeys {
    /// For the installation of this name. There are no keys yet.
    pub(crate) fn new(public_key: &str) -> Self {
        Self {
            audience: public_key.to_owned(),
            ..Self::default()
        }
    }

    /// Takes over the key set in the answer to a registration. `None`: the gateway has none.
    pub(crate) fn update(&self, set: Option<Value>) {
        let set = set.unwrap_or_default();
        if self.keys.load().0 == set {
            return;
        }
        let keys = LoginKeys::of_set(&set, &self.audience);
        self.keys.store(Arc::new((set, keys)));
        // A key that is gone must verify nothing, not even what it verified before.
        self.verified().clear();
    }

    fn verified(&self) -> MutexGuard<'_, VerifiedLogins> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The valid login in a visitor's cookies. Without keys, none is valid.
    pub(crate) fn login(&self, headers: &HeaderMap) -> Option<Arc<Login>> {
        let mut tokens = cookies::login_tokens(headers).peekable();
        tokens.peek()?;
        let now = seconds(SystemTime::now());
        tokens.find_map(|token| self.verify(token, now))
    }

    fn verify(&self, token: &str, now: u64) -> Option<Arc<Login>> {
        if let Some(known) = self.verified().get(token, now) {
            return Some(known);
        }
        let keys = self.keys.load();
        match keys.1.verify(token, now, MAX_CLOCK_SKEW_SECONDS) {
            Ok(login) => {
                let login = Arc::new(login);
                self.verified().put(token, Arc::clone(&login));
                Some(login)
            }
            Err(reason) => {
                tracing::debug!(%reason, "a login is not accepted");
                None
            }
        }
    }
}
