//! Decides who is an operator: by a session in a cookie, by the token, or by a name and a password.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Instant, SystemTime},
};

use http::HeaderMap;
use hydra_runtime_wire::{lines, signing::seconds};
use uuid::Uuid;

use super::{
    ended::EndedSessions,
    sessions::{Session, Sessions},
};
use crate::{
    Gateway, GatewayConfig,
    config::{ConfigError, Secret},
    edge::headers::{OPERATORS_COOKIE, cookies},
    limits::OPERATORS_SESSION_SECS,
    login::{Attempts, NotLetIn, TooSoon},
};

/// What a request may do.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    /// The settings name no operators: everyone who reaches the listener may read, and nothing can be changed.
    ReadOnly,
    SignedOut,
    SignedIn(Session),
}

/// Why an operator does not get a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSignedIn {
    /// The token, or the name or the password, is wrong.
    Wrong,
    /// The user has no role for this.
    NoRole,
    /// There were too many attempts. The next one may be made after so many milliseconds.
    TooSoon(u64),
    /// It can't be found out now.
    Away,
}

/// Decides who is an operator.
pub(crate) struct Guard {
    sessions: Sessions,
    ended: EndedSessions,
    /// Attempts with the token. The lock is held for one step, never across an await.
    attempts: Mutex<Attempts>,
    started: Instant,
}

impl Guard {
    /// The guard of the settings. This connects to nothing.
    pub(crate) fn new(config: &GatewayConfig) -> Result<Self, ConfigError> {
        let token = config.admin_token.as_ref().map(Secret::reveal);
        let private_key = config.private_key.as_ref().map(Secret::reveal);
        let random = Uuid::new_v4();
        let secret = token
            .or(private_key)
            .map_or(&random.as_bytes()[..], str::as_bytes);
        Ok(Self {
            sessions: Sessions::new(token, secret),
            ended: EndedSessions::new(config)?,
            attempts: Mutex::default(),
            started: Instant::now(),
        })
    }

    /// Whether there is a token.
    pub(crate) fn has_token(&self) -> bool {
        self.sessions.has_token()
    }

    /// Whether the settings name operators: by a token, or by users who may have the role.
    pub(crate) fn is_closed(&self, gateway: &Gateway) -> bool {
        self.has_token() || gateway.logins().is_some_and(|logins| logins.lets_users_in())
    }

    /// What a request with these headers may do.
    pub(crate) async fn access(&self, gateway: &Gateway, headers: &HeaderMap) -> Access {
        if !self.is_closed(gateway) {
            return Access::ReadOnly;
        }
        let now = SystemTime::now();
        for value in cookies(headers, OPERATORS_COOKIE).take(MAX_COOKIES) {
            let Ok(value) = std::str::from_utf8(value) else {
                continue;
            };
            if let Some(session) = self.sessions.read(value, now) {
                if !self.ended.contains(session.id()).await {
                    return Access::SignedIn(session);
                }
            } else if let Some(login) = gateway
                .logins()
                .and_then(|logins| logins.operator_of(value, seconds(now)))
            {
                return Access::SignedIn(self.sessions.of_login(login));
            }
        }
        Access::SignedOut
    }

    /// Whether this is the token. Attempts from one address, a wrong one each, must wait after a while.
    ///
    /// # Errors
    /// It is too soon for an attempt from this address. Then the token was not compared.
    pub(crate) fn is_token(&self, token: &str, address: Option<IpAddr>) -> Result<bool, TooSoon> {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let is_token = attempts.try_now(address, now, || self.sessions.is_token(token))?;
        drop(attempts);
        if !is_token {
            metrics::counter!("hydra_operator_sign_ins_total", "outcome" => "wrong").increment(1);
            tracing::warn!("someone has a wrong token of operators");
        }
        Ok(is_token)
    }

    /// Opens a session with the token, and returns its cookie. `is_secure`: the browser came over https.
    pub(crate) fn sign_in_with_token(
        &self,
        token: &str,
        address: Option<IpAddr>,
        is_secure: bool,
    ) -> Result<String, NotSignedIn> {
        match self.is_token(token, address) {
            Err(TooSoon { after }) => return Err(counted(NotSignedIn::TooSoon(after))),
            Ok(false) => return Err(NotSignedIn::Wrong),
            Ok(true) => {}
        }
        let (Ok(high), Ok(low)) = (getrandom::u64(), getrandom::u64()) else {
            return Err(NotSignedIn::Away);
        };
        metrics::counter!("hydra_operator_sign_ins_total", "outcome" => "right").increment(1);
        tracing::info!("an operator signed in with the token");
        let random = (u128::from(high) << 64) | u128::from(low);
        Ok(self.sessions.begin(SystemTime::now(), random, is_secure))
    }

    /// Opens a session for a user with the role, and returns its cookie.
    pub(crate) async fn sign_in_as_user(
        &self,
        gateway: &Gateway,
        (name, password): (&str, &str),
        address: Option<IpAddr>,
        is_secure: bool,
    ) -> Result<String, NotSignedIn> {
        let Some(logins) = gateway.logins() else {
            return Err(NotSignedIn::Wrong);
        };
        let begun = logins
            .begin_operator(name, password, address, OPERATORS_SESSION_SECS)
            .await;
        let (login, token, life) = begun.map_err(|why| {
            counted(match why {
                NotLetIn::Wrong => NotSignedIn::Wrong,
                NotLetIn::NoRole => NotSignedIn::NoRole,
                NotLetIn::TooSoon(TooSoon { after }) => NotSignedIn::TooSoon(after),
                NotLetIn::Away => NotSignedIn::Away,
            })
        })?;
        metrics::counter!("hydra_operator_sign_ins_total", "outcome" => "right").increment(1);
        tracing::info!(user = %lines::cut(&login.username), "an operator signed in");
        Ok(super::sessions::cookie(&token, life, is_secure))
    }

    /// Ends a session at all gateways, and returns the cookie that removes its own.
    pub(crate) async fn sign_out(&self, gateway: &Gateway, session: &Session) -> String {
        let now = seconds(SystemTime::now());
        match (session.login(), gateway.logins()) {
            (Some(login), Some(logins)) => logins.end_one(login, now).await,
            _ => self.ended.end(session.id(), session.until(), now).await,
        }
        super::sessions::cookie("", 0, false)
    }
}

/// The most cookies of one request that are looked at: a path or a host may add one.
const MAX_COOKIES: usize = 4;

fn counted(why: NotSignedIn) -> NotSignedIn {
    let outcome = match why {
        NotSignedIn::Wrong => "wrong",
        NotSignedIn::NoRole => "no_role",
        NotSignedIn::TooSoon(_) => "delayed",
        NotSignedIn::Away => "away",
    };
    metrics::counter!("hydra_operator_sign_ins_total", "outcome" => outcome).increment(1);
    why
}
