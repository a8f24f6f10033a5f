//! The login of visitors (protocol section 5): keys, users, tokens and pages.

mod attempts;
mod cookies;
mod ended;
mod handlers;
mod identity;
mod keys;
mod next;
mod open;
mod openid;
mod operators;
mod page;
mod private_file;
mod redis_calls;
mod store;
mod users;
mod visit;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Instant, SystemTime},
};

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header::CACHE_CONTROL};
use hydra_runtime_net::lru_cache::LruCache;
use hydra_runtime_wire::{
    login::{Login, LoginKeyPair, LoginKeys},
    signing::seconds,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Gateway, GatewayConfig,
    config::{ConfigError, Secret},
    limits::{CLOCK_SKEW_SECS, LOGIN_REFRESH_PERIOD, RESIGNED_TOKENS_BYTES},
    registry::instance::{FragmentProtocol, Instance},
};
pub(crate) use attempts::{Attempts, TooSoon};
pub(crate) use cookies::{LOGIN, is_secure};
use ended::{EndedLogins, Ending};
pub(crate) use handlers::{UNSENT, login, logout, openid_return};
pub(crate) use identity::Identities;
pub use keys::KeyRecord;
use keys::{KeyKeeper, KeyRing};
use next::NextCookies;
pub(crate) use next::{Site, plain_path};
pub(crate) use open::OpenLogin;
use open::OpenLogins;
use openid::OpenId;
pub(crate) use openid::RETURN;
pub(crate) use operators::NotLetIn;
use page::LoginPages;
pub(crate) use redis_calls::{RedisCalls, scope};
pub use store::LoginKeyStore;
pub use users::{BadUser, UserFile, UserRecord, UserStore};
use users::{Passwords, Users};
pub(crate) use visit::{Visit, host_of, is_of_another_site, is_refused};

/// The login of an installation.
pub(crate) struct Logins {
    keys: KeyKeeper,
    /// `None`: the gateway only publishes keys.
    desk: Option<Desk>,
    /// Read by each request with a login. The lock is never held across an await.
    ended: RwLock<EndedLogins>,
    /// Sockets and streams, which end with their logins.
    open: OpenLogins,
    /// Tokens that were signed again for services of protocol 1. The lock is held for one look-up.
    resigned: Mutex<LruCache<Arc<str>>>,
    audience: String,
    /// How many seconds a token lives.
    idle: u64,
    /// How many seconds a login lives, however often it is renewed.
    max: u64,
    /// Whether cookies may be sent over http.
    may_be_plain: bool,
    next: NextCookies,
}

/// What is needed to let users in.
struct Desk {
    /// `None`: no user has a password here.
    users: Option<Box<dyn Users>>,
    /// `None`: no provider logs users in.
    openid: Option<Arc<OpenId>>,
    passwords: Passwords,
    /// The lock is held for one step, never across an await.
    attempts: Mutex<Attempts>,
    pages: LoginPages,
    started: Instant,
}

impl Desk {
    fn new(config: &GatewayConfig) -> Result<Option<Self>, ConfigError> {
        let wrong = |key: &'static str| move |reason: String| ConfigError::Login { key, reason };
        if config.login_users.is_none() && config.openid.is_none() {
            return Ok(None);
        }
        let users = users::running(config)?;
        let random = Uuid::new_v4();
        let openid = match &config.openid {
            Some(settings) => Some(Arc::new(OpenId::new(config, settings, random.as_bytes())?)),
            None => None,
        };
        let pages = LoginPages::of(config.login_page.as_deref()).map_err(wrong("login_page"))?;
        let no_randomness = || wrong("login_users")("the platform has no randomness".to_owned());
        Ok(Some(Self {
            users,
            openid,
            passwords: Passwords::new().ok_or_else(no_randomness)?,
            attempts: Mutex::default(),
            pages,
            started: Instant::now(),
        }))
    }

    /// Whether the user of a login is still the one for whom it was made.
    fn is_current(&self, login: &Login) -> bool {
        match (OpenId::is_revision(&login.revision), &self.openid, &self.users) {
            (true, Some(openid), _) => openid.is_current(login),
            (false, _, Some(users)) => users.is_current(&login.username, &login.revision),
            _ => false,
        }
    }

    fn are_known(&self) -> bool {
        self.users.as_ref().is_none_or(|users| users.are_known())
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time since the start, in milliseconds.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Logins {
    /// `None`: the configuration has no login.
    pub(crate) fn new(config: &GatewayConfig) -> Result<Option<Self>, ConfigError> {
        let Some(place) = &config.login_keys else {
            return Ok(None);
        };
        let now = seconds(SystemTime::now());
        let (store, first, endings): (Box<dyn keys::KeyStore>, _, _) = match store::of(config, place)? {
            store::Place::Redis(keys) => (keys, Vec::new(), Vec::new()),
            store::Place::Folder(folder) => {
                let first = folder.ensure_first(now).map_err(ConfigError::LoginKeys)?;
                let endings = folder.endings(now).map_err(ConfigError::LoginKeys)?;
                (Box::new(folder), first, endings)
            }
        };
        let (life, idle) = (config.login_key_life.as_secs(), config.login_idle.as_secs());
        let private_key = config.private_key.as_ref().map(Secret::reveal);
        let logins = Self {
            keys: KeyKeeper::new(store, &config.public_key, life, idle),
            desk: Desk::new(config)?,
            ended: RwLock::default(),
            open: OpenLogins::default(),
            resigned: Mutex::new(LruCache::new(RESIGNED_TOKENS_BYTES)),
            audience: config.public_key.clone(),
            idle,
            max: config.login_max.as_secs(),
            may_be_plain: config.login_over_http,
            next: NextCookies::new(private_key, Uuid::new_v4().as_bytes()),
        };
        logins.keys.install(&first, now);
        logins.add_endings(endings, now);
        Ok(Some(logins))
    }

    /// The keys at present.
    pub(crate) fn ring(&self) -> Arc<KeyRing> {
        self.keys.ring()
    }

    /// The login of a token, if it counts at present. `now` is in seconds since 1970.
    pub(crate) fn login_of(&self, token: &str, now: u64) -> Option<Arc<Login>> {
        let login = match self.keys.verify(token, now) {
            Ok(login) => login,
            Err(reason) => {
                tracing::debug!(%reason, "a login is not accepted");
                return None;
            }
        };
        self.counts(&login).then_some(login)
    }

    /// Whether a login has neither ended nor changed.
    fn counts(&self, login: &Login) -> bool {
        let is_ended = self
            .ended
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(login);
        let is_current = self.desk.as_ref().is_none_or(|desk| desk.is_current(login));
        !is_ended && is_current
    }

    /// A socket or stream of a login begins.
    pub(crate) fn open(&self, login: &Arc<Login>) -> OpenLogin {
        self.open.add(login)
    }

    /// A new login of the user `name`, with its token. `login` makes it of its id, its beginning and its end. `None`: there is
    /// no key at present.
    fn begin(
        &self,
        name: &str,
        now: u64,
        login: impl FnOnce(String, u64, u64) -> Login,
    ) -> Option<(Login, String)> {
        let since = self.since(name, now);
        let sid = Uuid::new_v4().simple().to_string();
        let login = login(sid, since, self.end(since, now));
        let token = self.issue(&login, now)?;
        Some((login, token))
    }

    /// When a login of the user `name` is said to begin that begins now.
    fn since(&self, name: &str, now: u64) -> u64 {
        let ended = self.ended.read().unwrap_or_else(PoisonError::into_inner);
        ended.begin(name, now)
    }

    /// When a token ends that is issued now.
    fn end(&self, since: u64, now: u64) -> u64 {
        now.saturating_add(self.idle).min(since.saturating_add(self.max))
    }

    /// When the last token of a login has ended that is not renewed any more. Some gateway may have renewed it at this moment.
    fn last_token_ends(&self, login: &Login, now: u64) -> u64 {
        let renewed = now.saturating_add(self.idle + CLOCK_SKEW_SECS);
        login
            .expires
            .max(renewed)
            .min(login.since.saturating_add(self.max))
    }

    fn issue(&self, login: &Login, now: u64) -> Option<String> {
        let ring = self.ring();
        let jti = Uuid::new_v4().simple().to_string();
        let (token, left_out) = login.token(ring.signing(now)?, &self.audience, &jti, now)?;
        if left_out > 0 {
            metrics::counter!("hydra_login_claims_dropped_total").increment(left_out as u64);
            tracing::warn!(
                user = %hydra_runtime_wire::lines::cut(&login.username),
                left_out,
                "roles or metadata do not fit into the cookie of a login, and are left out"
            );
        }
        Some(token)
    }

    /// Whether visitors can log in at this gateway.
    pub(crate) fn has_page(&self) -> bool {
        self.desk.is_some()
    }

    /// The cookie that leads a visitor of `host` to a path of this site after the login.
    pub(crate) fn lead_back(
        &self,
        path: &str,
        scheme: &str,
        host: Option<&HeaderValue>,
    ) -> Option<HeaderValue> {
        let is_secure = cookies::is_secure(scheme, host, self.may_be_plain);
        self.next.set(path, is_secure, seconds(SystemTime::now()))
    }

    /// Whether the token of a login has lived half of its time, and the login has not reached its maximum.
    fn is_due(&self, login: &Login, now: u64) -> bool {
        // While users can't be read, a login ends with its token.
        let is_known = self.desk.as_ref().is_none_or(Desk::are_known);
        is_known
            && login.expires.saturating_sub(now) < self.idle / 2
            && self.end(login.since, now) > login.expires
    }

    /// A new token for a login, and how many seconds it lives. `None`: it is not due, or there is no key at present.
    fn renewed(&self, login: &Login, now: u64) -> Option<(String, u64)> {
        let end = self.end(login.since, now);
        let renewed = self.is_due(login, now).then(|| Login {
            expires: end,
            ..login.clone()
        })?;
        Some((self.issue(&renewed, now)?, end - now))
    }

    /// The same login, signed with the key that an instance of protocol 1 got last.
    fn signed_with(&self, key: &LoginKeyPair, token: &str, login: &Login, now: u64) -> Option<Arc<str>> {
        let resigned = || self.resigned.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{} {token}", key.kid());
        let moment = Instant::now();
        if let Some(known) = resigned().get(&name, moment) {
            return Some(Arc::clone(known));
        }
        let (signed, _) = login.token(key, &self.audience, &Uuid::new_v4().simple().to_string(), now)?;
        let signed: Arc<str> = signed.into();
        let end = moment + std::time::Duration::from_secs(login.expires.saturating_sub(now));
        resigned().put(&name, Arc::clone(&signed), signed.len(), end);
        Some(signed)
    }

    /// Ends logins, here at once and at the other gateways within seconds.
    async fn finish(&self, ending: Ending, now: u64) {
        self.add_endings(vec![ending.clone()], now);
        self.open.close_unless(|login| self.counts(login));
        if let Err(reason) = self.keys.store().end(&ending).await {
            tracing::warn!(
                reason,
                "a logout counts at this gateway only, until it is restarted"
            );
        }
    }

    fn add_endings(&self, endings: Vec<Ending>, now: u64) {
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        for ending in endings {
            ended.add(ending);
        }
        ended.forget(now);
    }

    /// Reads again what other processes change, for ever. Many users take a while, for which the rest does not wait.
    pub(crate) async fn keep(&self) {
        let keys = async {
            let mut told = [Told::new("the login keys"), Told::new("the ended logins")];
            loop {
                let now = seconds(SystemTime::now());
                told[0].tell(self.keys.refresh(now).await);
                let endings = self.keys.store().endings(now).await;
                told[1].tell(endings.map(|endings| self.add_endings(endings, now)));
                self.open.close_unless(|login| self.counts(login));
                tokio::time::sleep(LOGIN_REFRESH_PERIOD).await;
            }
        };
        let users = async {
            let Some(users) = self.desk.as_ref().and_then(|desk| desk.users.as_ref()) else {
                return;
            };
            let mut told = Told::new("the users");
            loop {
                told.tell(users.refresh().await);
                self.open.close_unless(|login| self.counts(login));
                tokio::time::sleep(LOGIN_REFRESH_PERIOD).await;
            }
        };
        tokio::join!(keys, users);
    }
}

/// What the log was told last about something that can't be read again.
struct Told {
    what: &'static str,
    reason: Option<String>,
}

impl Told {
    fn new(what: &'static str) -> Self {
        Self { what, reason: None }
    }

    /// Logs a failure, unless it is the same as before.
    fn tell(&mut self, done: Result<(), String>) {
        let (what, failed) = (self.what, done.err());
        if let Some(reason) = &failed
            && self.reason.as_ref() != Some(reason)
        {
            tracing::warn!(reason, "{what} can't be read again; the former ones stay");
        }
        self.reason = failed;
    }
}

/// What a service gets to verify tokens with.
pub(crate) struct GivenKeys {
    /// The key that signs, as clients of protocol 1 read it.
    pub(crate) public_key: Option<String>,
    /// All keys that verify, for services of protocol 2.
    pub(crate) set: Value,
    /// Identifies what was given. `None`: there is no key.
    pub(crate) id: Option<Arc<str>>,
}

impl Gateway {
    /// What an instance that registers now gets to verify tokens with.
    pub(crate) fn keys_for(&self, speaks: &FragmentProtocol) -> GivenKeys {
        // Services of protocol 2 get the keys of visitors, too.
        let is_2 = *speaks == FragmentProtocol::Protocol2;
        let visitors = self.visitor_keys_id().filter(|_| is_2);
        let Some(logins) = self.logins() else {
            let key = &self.config().login_public_key;
            return GivenKeys {
                public_key: Some(key.clone()).filter(|key| !key.is_empty()),
                set: self.external_login_keys().clone(),
                id: visitors.map(Arc::from),
            };
        };
        let ring = logins.ring();
        let signing = ring.signing(seconds(SystemTime::now()));
        // Protocol 1 knows one key, and must hear of a rotation when the next key begins to sign; protocol 2 knows all
        // keys, and hears of it when the next key is published.
        let id = match is_2 {
            true => ring
                .newest()
                .map(|newest| format!("{newest}{}", visitors.unwrap_or_default())),
            false => signing.map(|pair| pair.kid().to_owned()),
        };
        GivenKeys {
            public_key: signing.map(|pair| pair.public_key().to_owned()),
            set: ring.set().clone(),
            id: id.map(Arc::from),
        }
    }

    /// Whether an instance must register again, because it does not know the key that signs now, or will sign next.
    pub(crate) fn has_old_keys(&self, instance: &Instance) -> bool {
        let id = self.keys_for(&instance.fragment_protocol).id;
        id.is_some() && id != instance.login_key
    }
}

/// The key set of a gateway that issues no tokens itself.
pub(crate) fn external_keys(public_key: &str) -> Value {
    let set = LoginKeys::set_of(public_key);
    if !public_key.is_empty() && set["keys"] == Value::Array(Vec::new()) {
        tracing::warn!("`login_public_key` is not a readable RSA key: services get no key set");
    }
    set
}

/// The response to `GET /.well-known/jwks.json`: the keys that verify login tokens (RFC 7517 section 5). `None`: this
/// gateway issues no logins, and the path is one like others.
pub(crate) fn key_set(gateway: &Gateway) -> Option<Response> {
    let ring = gateway.logins()?.ring();
    if ring.verifying().is_empty() {
        // The keys were not read from Redis yet.
        return Some(StatusCode::SERVICE_UNAVAILABLE.into_response());
    }
    let mut response = Json(ring.set()).into_response();
    // A new key is published a minute before it signs.
    let caching = HeaderValue::from_static("public, max-age=30");
    response.headers_mut().insert(CACHE_CONTROL, caching);
    Some(response)
}

#[cfg(test)]
mod tests;
