//! The user of a test.

use std::time::SystemTime;

use hydra_runtime_wire::{login::Login, signing::seconds};

/// How long a login lasts in a test, in seconds.
const LOGIN_SECONDS: u64 = 3_600;

/// A user who is logged in during a request of a test: see [`TestRequest::user`](super::TestRequest::user).
#[derive(Clone, Debug)]
pub struct TestUser(Login);

impl TestUser {
    /// A user with this name, without roles.
    pub fn new(name: impl Into<String>) -> Self {
        let now = seconds(SystemTime::now());
        Self(Login {
            username: name.into(),
            since: now,
            expires: now + LOGIN_SECONDS,
            ..Login::default()
        })
    }

    /// With the role `role`, as this service calls it.
    #[must_use]
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.0.roles.push(role.into());
        self
    }

    /// With the number `id`.
    #[must_use]
    pub fn id(mut self, id: i64) -> Self {
        self.0.user_id = Some(id);
        self
    }

    /// With what else is known about the user.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.metadata.insert(name.into(), value.into());
        self
    }

    pub(super) fn into_login(self) -> Login {
        self.0
    }
}
