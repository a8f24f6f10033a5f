//! The logins of users who operate the gateway. Services see the login of each visitor, and could play it to the operators' listener;
//! so that listener has a cookie of its own, which the gateway never passes on.

use std::{net::IpAddr, sync::Arc, time::SystemTime};

use http::HeaderValue;
use hydra_runtime_wire::{login::Login, signing::seconds};
use uuid::Uuid;

use super::{
    Ending, Logins,
    attempts::TooSoon,
    users::{Checked, User},
};
use crate::{edge::headers::OPERATORS_COOKIE, limits::MAX_USERNAME_BYTES};

/// The role of users who may use the operators' page and API.
pub(crate) const ROLE: &str = "HYDRA-OPERATOR";

/// Why a user is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotLetIn {
    Wrong,
    NoRole,
    TooSoon(TooSoon),
    Away,
}

impl Logins {
    /// Whether users can log in at this gateway.
    pub(crate) fn lets_users_in(&self) -> bool {
        self.desk.is_some()
    }

    /// Whether users with passwords can.
    pub(crate) fn has_passwords(&self) -> bool {
        self.desk.as_ref().is_some_and(|desk| desk.users.is_some())
    }

    /// A new login of an operator, its token for the operators' listener, and how many seconds that lives, `life` at most.
    pub(crate) async fn begin_operator(
        &self,
        name: &str,
        password: &str,
        address: Option<IpAddr>,
        life: u64,
    ) -> Result<(Login, String, u64), NotLetIn> {
        let desk = self.desk.as_ref().ok_or(NotLetIn::Wrong)?;
        let begun = desk.attempts().begin(name, address, desk.now());
        let attempt = begun.map_err(NotLetIn::TooSoon)?;
        tokio::time::sleep(std::time::Duration::from_millis(attempt.delay)).await;
        let user = self.checked(name, password).await?;
        desk.attempts().succeeded(attempt);
        if !user.record.roles.iter().any(|role| role == ROLE) {
            return Err(NotLetIn::NoRole);
        }
        let now = seconds(SystemTime::now());
        let since = self.since(&user.name, now);
        let end = now.saturating_add(life).min(since.saturating_add(self.max));
        let login = user.login(Uuid::new_v4().simple().to_string(), since, end);
        let token = self.operators_token(&login, now).ok_or(NotLetIn::Away)?;
        Ok((login, token, end - now))
    }

    async fn checked(&self, name: &str, password: &str) -> Result<User, NotLetIn> {
        let desk = self.desk.as_ref().ok_or(NotLetIn::Wrong)?;
        let users = desk.users.as_ref().filter(|users| users.are_known());
        let name = Some(name).filter(|name| name.len() <= MAX_USERNAME_BYTES);
        let found = users.ok_or(NotLetIn::Away)?.find(name.unwrap_or_default()).await;
        let user = found.map_err(|_| NotLetIn::Away)?;
        match (desk.passwords.check(user.as_ref(), password).await, user) {
            (Checked::Right, Some(user)) => Ok(user),
            (Checked::Busy, _) => Err(NotLetIn::Away),
            _ => Err(NotLetIn::Wrong),
        }
    }

    /// The token with which a login counts at the operators' listener. It has no role but the one that counts there.
    fn operators_token(&self, login: &Login, now: u64) -> Option<String> {
        let ring = self.ring();
        let short = Login {
            roles: vec![ROLE.to_owned()],
            metadata: Default::default(),
            ..login.clone()
        };
        let jti = Uuid::new_v4().simple().to_string();
        let token = short.token(ring.signing(now)?, &self.operators_audience(), &jti, now);
        token.map(|(token, _)| token)
    }

    /// The cookie for the operators' listener that goes along with the cookie of a login. `None`: the user does not have the role.
    pub(super) fn operators_cookie(&self, login: &Login, is_secure: bool, now: u64) -> Option<HeaderValue> {
        if !login.has_role(ROLE) {
            return None;
        }
        let (token, life) = (
            self.operators_token(login, now)?,
            login.expires.saturating_sub(now),
        );
        let secure = if is_secure { "; Secure" } else { "" };
        let cookie =
            format!("{OPERATORS_COOKIE}={token}; Path=/; Max-Age={life}; HttpOnly; SameSite=Strict{secure}");
        let mut value = HeaderValue::try_from(cookie).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The login of a token for the operators' listener, if it counts at present. `now` is in seconds since 1970.
    pub(crate) fn operator_of(&self, token: &str, now: u64) -> Option<Arc<Login>> {
        let ring = self.ring();
        let keys = ring.verifying().for_audience(&self.operators_audience());
        let login = keys.verify(token, now, 0).ok()?;
        (login.has_role(ROLE) && self.counts(&login)).then(|| Arc::new(login))
    }

    /// Ends a login at all gateways.
    pub(crate) async fn end_one(&self, login: &Login, now: u64) {
        let ending = Ending::One {
            sid: login.sid.clone(),
            until: self.last_token_ends(login, now),
        };
        self.finish(ending, now).await;
    }

    /// What no installation is called, since a public key contains no `/`.
    fn operators_audience(&self) -> String {
        format!("{}/operators", self.audience)
    }
}
