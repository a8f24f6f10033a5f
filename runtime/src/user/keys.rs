//! The keys of the installation, with which a service verifies logins.

use std::{
    collections::BTreeMap,
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

/// What the gateway gave.
#[derive(Debug, Default)]
struct Given {
    set: Value,
    keys: LoginKeys,
    /// Roles, and their names at this service.
    roles: BTreeMap<String, String>,
}

/// The keys that the gateway gave when this application registered.
#[derive(Debug, Default)]
pub(crate) struct ServiceKeys {
    audience: String,
    given: ArcSwap<Given>,
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

    /// Takes over the key set and the names of roles in the answer to a registration. `None`: the gateway has no keys.
    pub(crate) fn update(&self, set: Option<Value>, roles: BTreeMap<String, String>) {
        let set = set.unwrap_or_default();
        let known = self.given.load();
        if known.set == set && known.roles == roles {
            return;
        }
        let keys = LoginKeys::of_set(&set, &self.audience);
        self.given.store(Arc::new(Given { set, keys, roles }));
        // A key that is gone must verify nothing, not even what it verified before.
        self.verified().clear();
    }

    /// Takes `token` for a verified login, in a test.
    #[cfg(feature = "testing")]
    pub(crate) fn accept(&self, token: &str, login: Login) {
        self.verified().put(token, Arc::new(login));
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
        let given = self.given.load();
        match given.keys.verify(token, now, MAX_CLOCK_SKEW_SECONDS) {
            Ok(mut login) => {
                for role in &mut login.roles {
                    if let Some(name) = given.roles.get(role) {
                        role.clone_from(name);
                    }
                }
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

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::COOKIE};
    use hydra_runtime_wire::login::LoginKeyPair;
    use serde_json::json;

    use super::*;

    #[test]
    fn roles_are_called_as_the_gateway_says() {
        let pair = LoginKeyPair::generate().expect("a key");
        let now = seconds(SystemTime::now());
        let login = Login {
            username: "ann".into(),
            roles: vec!["MANAGER".into(), "CLERK".into()],
            since: now,
            expires: now + 60,
            ..Login::default()
        };
        let (token, _) = login.token(&pair, "K", "1", now).expect("signed");
        let cookie = HeaderValue::try_from(format!("HYDRA-SSO={token}")).expect("a header");
        let visitor = HeaderMap::from_iter([(COOKIE, cookie)]);
        let keys = ServiceKeys::new("K");
        let set = json!({"keys": [pair.jwk()]});
        let roles = || keys.login(&visitor).expect("it counts").roles.clone();
        keys.update(Some(set.clone()), BTreeMap::new());
        assert_eq!(roles(), ["MANAGER", "CLERK"]);
        keys.update(Some(set), BTreeMap::from([("MANAGER".into(), "ADMIN".into())]));
        assert_eq!(roles(), ["ADMIN", "CLERK"]);
    }
}
