//! Asks the provider again whether a login still counts, before its token is renewed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hydra_runtime_wire::login::Login;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{
    grants::Grants,
    id_token::Claims,
    pause::Pause,
    person::{Person, is_incomplete},
    provider::{Provider, ProviderError, Tokens},
};
use crate::limits::{MAX_OPENID_GRANT_BYTES, MAX_OPENID_REFRESHES};

/// What is kept about a login at the provider.
#[derive(Serialize, Deserialize)]
struct Grant {
    refresh_token: String,
    person: Person,
    /// When the provider last said that it counts, in seconds since 1970.
    checked: u64,
}

/// What the provider said about a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refreshed {
    /// It counts, and this is the user now.
    Counts(Box<Login>),
    /// It has ended there.
    Ended,
    /// There is no answer at present: the token is not renewed now, and ends when it ends.
    Unknown,
}

/// The refreshes under way, by login.
type UnderWay = Mutex<HashMap<String, watch::Receiver<Option<Refreshed>>>>;

/// Refreshes logins.
pub(super) struct Refreshes {
    grants: Box<dyn Grants>,
    /// The lock is held for one step, never across an await.
    under_way: UnderWay,
    /// The same.
    pause: Mutex<Pause>,
    started: Instant,
}

/// Which login is refreshed, and when.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) login: Arc<Login>,
    pub(super) revision: String,
    /// In seconds since 1970.
    pub(super) now: u64,
    /// How old the provider's last word may be, in seconds.
    pub(super) fresh: u64,
    /// How long the login can live at most from now on, in seconds.
    pub(super) life: u64,
}

impl Refreshes {
    pub(super) fn new(grants: Box<dyn Grants>) -> Self {
        Self {
            grants,
            under_way: Mutex::default(),
            pause: Mutex::default(),
            started: Instant::now(),
        }
    }

    fn pause(&self) -> MutexGuard<'_, Pause> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time since the start, in milliseconds.
    fn moment(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether the provider may be asked now.
    pub(super) fn may_ask(&self) -> bool {
        self.pause().may_ask(self.moment())
    }

    /// The provider takes too long.
    pub(super) fn is_slow(&self) {
        self.pause().failed(self.moment());
    }

    /// Keeps what is needed to refresh a new login. Without a refresh token, the login ends with its token.
    pub(super) async fn begin(&self, sid: &str, person: &Person, tokens: Tokens, now: u64, life: u64) {
        let Some(refresh_token) = tokens.refresh_token else {
            tracing::debug!("the provider gave no refresh token: the login ends with its token");
            return;
        };
        let grant = Grant {
            refresh_token,
            person: person.clone(),
            checked: now,
        };
        self.keep(sid, &grant, life).await;
    }

    async fn keep(&self, sid: &str, grant: &Grant, life: u64) {
        let text = serde_json::to_vec(grant).unwrap_or_default();
        let kept = match text.len() {
            length if length > MAX_OPENID_GRANT_BYTES => Err("the refresh token is too long".to_owned()),
            _ => self.grants.put(sid, &text, Duration::from_secs(life)).await,
        };
        if let Err(reason) = kept {
            tracing::warn!(reason, "a login can't be refreshed: it ends with its token");
        }
    }

    /// Makes what the provider said about a login older.
    #[cfg(test)]
    pub(super) async fn age(&self, sid: &str, seconds: u64) {
        let mut grant = self.grant(sid).await.expect("read").expect("there");
        grant.checked -= seconds;
        self.keep(sid, &grant, 3_600).await;
    }

    /// Forgets a login that ended.
    pub(super) async fn forget(&self, sid: &str) {
        if let Err(reason) = self.grants.remove(sid).await {
            tracing::debug!(
                reason,
                "the refresh token of a login that ended is kept until it would have ended"
            );
        }
    }

    /// The refresh of this login that is under way, or `None` and the place of a new one. `Err`: too many are under way.
    #[expect(clippy::type_complexity, reason = "one caller")]
    pub(super) fn join(
        &self,
        sid: &str,
    ) -> Result<
        (
            watch::Receiver<Option<Refreshed>>,
            Option<watch::Sender<Option<Refreshed>>>,
        ),
        (),
    > {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = under_way.get(sid) {
            return Ok((known.clone(), None));
        }
        if under_way.len() >= MAX_OPENID_REFRESHES {
            return Err(());
        }
        let (sender, receiver) = watch::channel(None);
        under_way.insert(sid.to_owned(), receiver.clone());
        Ok((receiver, Some(sender)))
    }

    /// Ends what [`Refreshes::join`] began.
    pub(super) fn leave(&self, sid: &str) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.remove(sid);
    }

    /// Asks the provider whether a login still counts.
    pub(super) async fn ask(&self, provider: &Provider, asked: &Asked) -> Refreshed {
        let refreshed = self.asked(provider, asked).await;
        let (outcome, refreshed) = match refreshed {
            Ok(Some(person)) => {
                let login = person.login(
                    asked.login.sid.clone(),
                    asked.login.since,
                    asked.login.expires,
                    &asked.revision,
                );
                ("right", Refreshed::Counts(Box::new(login)))
            }
            Ok(None) => ("unknown", Refreshed::Unknown),
            Err(ProviderError::Refused(reason)) => {
                tracing::info!(reason, "a login has ended at the OpenID provider");
                ("refused", Refreshed::Ended)
            }
            Err(error) => {
                tracing::warn!(reason = %error, "the OpenID provider can't say whether a login still counts");
                let outcome = match error {
                    ProviderError::Away(_) => "away",
                    _ => "wrong",
                };
                (outcome, Refreshed::Unknown)
            }
        };
        match outcome {
            "right" | "refused" => self.pause().answered(),
            "unknown" => self.pause().is_undecided(self.moment()),
            _ => self.pause().failed(self.moment()),
        }
        metrics::counter!("hydra_openid_refreshes_total", "outcome" => outcome).increment(1);
        refreshed
    }

    /// The user of a login that counts. `None`: that can't be found out now.
    async fn asked(&self, provider: &Provider, asked: &Asked) -> Result<Option<Person>, ProviderError> {
        let sid = &asked.login.sid;
        let is_fresh = |grant: &Grant| asked.now < grant.checked.saturating_add(asked.fresh);
        let Some(grant) = self.grant(sid).await? else {
            return Ok(None);
        };
        // Another request or gateway has asked meanwhile.
        if is_fresh(&grant) {
            return Ok(Some(grant.person));
        }
        if !self.grants.lock(sid).await.map_err(ProviderError::Away)? {
            return Ok(None);
        }
        // The lock may have come free because another gateway was done.
        let person = match self.grant(sid).await {
            Ok(Some(grant)) if is_fresh(&grant) => Ok(Some(grant.person)),
            Ok(Some(grant)) => self.exchange(provider, asked, grant).await.map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        self.grants.unlock(sid).await;
        person
    }

    async fn grant(&self, sid: &str) -> Result<Option<Grant>, ProviderError> {
        let text = self.grants.get(sid).await.map_err(ProviderError::Away)?;
        Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
    }

    /// OpenID Connect Core 1.0 section 12.
    async fn exchange(
        &self,
        provider: &Provider,
        asked: &Asked,
        grant: Grant,
    ) -> Result<Person, ProviderError> {
        let parameters = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &*grant.refresh_token),
        ];
        let mut tokens = provider.tokens(&parameters).await?;
        // The former one may have been used up. It must be kept, whatever else is wrong.
        let mut next = Grant {
            refresh_token: tokens.refresh_token.take().unwrap_or(grant.refresh_token),
            person: grant.person,
            checked: asked.now,
        };
        let person = described(provider, &tokens, &next.person, asked.now).await;
        match &person {
            Ok(person) => next.person = person.clone(),
            Err(_) => next.checked = grant.checked,
        }
        self.keep(&asked.login.sid, &next, asked.life).await;
        person
    }
}

/// The user of refreshed tokens, if they say anything new about the user.
async fn described(
    provider: &Provider,
    tokens: &Tokens,
    known: &Person,
    now: u64,
) -> Result<Person, ProviderError> {
    let claims = match &tokens.id_token {
        Some(token) => Some(provider.claims(token, None, now).await?),
        None => None,
    };
    let is_told = claims.is_some();
    let mut claims = claims.unwrap_or_default();
    let told = complete(provider, &mut claims, tokens).await?;
    if !is_told && !told {
        return Ok(known.clone());
    }
    let person = Person::of(&claims, &provider.settings).map_err(ProviderError::Wrong)?;
    if person.subject != known.subject {
        return Err(ProviderError::Wrong(
            "the refreshed tokens are those of another user".to_owned(),
        ));
    }
    Ok(person)
}

/// Adds what the provider says elsewhere about the user. Returns whether it says anything.
pub(super) async fn complete(
    provider: &Provider,
    claims: &mut Claims,
    tokens: &Tokens,
) -> Result<bool, ProviderError> {
    if !is_incomplete(claims, &provider.settings) {
        return Ok(false);
    }
    let Some(said) = provider.userinfo(tokens).await? else {
        return Ok(false);
    };
    // OpenID Connect Core 1.0 section 5.3.2: it may be about another user otherwise.
    if claims.contains_key("sub") && said.get("sub") != claims.get("sub") {
        return Err(ProviderError::Wrong(
            "what the provider says about the user is about another user: `sub` differs".to_owned(),
        ));
    }
    for (name, value) in said {
        claims.entry(name).or_insert(value);
    }
    Ok(true)
}
