//! Logins at an OpenID provider (OpenID Connect Core 1.0): authorization code with PKCE.

mod discovery;
mod flow;
mod grants;
mod handlers;
mod id_token;
mod pause;
mod person;
mod provider;
mod refresh;

use std::sync::{Arc, atomic::AtomicUsize};

use aws_lc_rs::digest::{SHA256, digest};
use hydra_runtime_wire::login::Login;
use tokio::sync::watch;

use crate::{
    GatewayConfig,
    config::{ConfigError, Secret, openid::OpenIdProvider},
};
use flow::Flow;
pub(crate) use flow::RETURN;
pub(super) use handlers::{NoLogin, Visitor, begin, returned};
use person::Person;
use provider::{Provider, ProviderError, Tokens};
pub(crate) use refresh::Refreshed;
use refresh::{Asked, Refreshes, complete};

/// What the revision of each login at a provider begins with. Those of users have hexadecimal digits only.
const REVISION: &str = "openid-";

/// The OpenID provider of an installation.
pub(crate) struct OpenId {
    provider: Provider,
    flow: Flow,
    refreshes: Refreshes,
    /// How many visitors return at present.
    returning: AtomicUsize,
    /// The revision of all logins at this provider.
    revision: String,
}

/// A user who came back from the provider.
pub(super) struct Returned {
    person: Person,
    tokens: Tokens,
    /// Where the user wanted to go. Empty: nowhere in particular.
    pub(super) next: String,
}

impl OpenId {
    /// The provider of the settings. This connects to nothing. `random` seals what browsers keep if there is no private key.
    ///
    /// # Errors
    /// A setting can't be used.
    pub(super) fn new(
        config: &GatewayConfig,
        settings: &OpenIdProvider,
        random: &[u8],
    ) -> Result<Self, ConfigError> {
        let provider = Provider::new(settings.clone()).map_err(|reason| ConfigError::Login {
            key: "openid",
            reason,
        })?;
        let secret = config.private_key.as_ref().map(Secret::reveal);
        let second = config.second_private_key.as_ref().map(Secret::reveal);
        let identity = digest(
            &SHA256,
            format!("{}\0{}", settings.issuer, settings.client_id).as_bytes(),
        );
        let identity = identity.as_ref().iter().take(8);
        let identity: String = identity.map(|byte| format!("{byte:02x}")).collect();
        Ok(Self {
            provider,
            flow: Flow::new(secret.map_or(random, str::as_bytes), second),
            refreshes: Refreshes::new(grants::of(config)?),
            returning: AtomicUsize::new(0),
            revision: format!("{REVISION}{identity}"),
        })
    }

    /// Whether a login was made at a provider, and not with a password.
    pub(crate) fn is_revision(revision: &str) -> bool {
        revision.starts_with(REVISION)
    }

    /// The provider takes so long to refresh a login that a response does not wait for it any more.
    pub(super) fn is_slow(&self) {
        self.refreshes.is_slow();
    }

    /// Whether a login was made at this provider, and not at one of former settings.
    pub(crate) fn is_current(&self, login: &Login) -> bool {
        login.revision == self.revision
    }

    /// The provider's name on the login page.
    pub(crate) fn name(&self) -> &str {
        &self.provider.settings.name
    }

    /// A login of a user who came back. The times are in seconds since 1970.
    pub(super) fn login(&self, returned: &Returned, sid: String, since: u64, expires: u64) -> Login {
        returned.person.login(sid, since, expires, &self.revision)
    }

    /// The user's name.
    pub(super) fn username<'a>(&self, returned: &'a Returned) -> &'a str {
        &returned.person.name
    }

    /// Keeps what is needed to refresh a login, which lives `life` seconds at most.
    pub(super) async fn keep(&self, login: &Login, returned: Returned, now: u64, life: u64) {
        let Returned { person, tokens, .. } = returned;
        self.refreshes.begin(&login.sid, &person, tokens, now, life).await;
    }

    /// Forgets a login that ended.
    pub(super) async fn forget(&self, sid: &str) {
        self.refreshes.forget(sid).await;
    }

    /// Where the visitor logs out at the provider too (OpenID Connect RP-Initiated Logout 1.0), and comes back to `site`.
    /// `None`: the provider has no such address, or the settings forbid it.
    pub(super) async fn logout_address(&self, site: &str) -> Option<String> {
        if !self.provider.settings.logout {
            return None;
        }
        let endpoints = self.provider.endpoints().await.ok()?;
        let mut address = endpoints.end_session.clone()?;
        address
            .query_pairs_mut()
            .append_pair("client_id", &self.provider.settings.client_id)
            .append_pair("post_logout_redirect_uri", site);
        Some(address.into())
    }

    /// Asks the provider whether a login still counts, in a task of its own. Requests at the same time share it. `ended` is
    /// called before they hear that it has ended. `None`: too many logins are refreshed at present, or the provider has not answered
    /// lately.
    pub(super) fn refresh<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        login: &Arc<Login>,
        now: u64,
        times: (u64, u64),
        ended: impl FnOnce() -> F + Send + 'static,
    ) -> Option<watch::Receiver<Option<Refreshed>>> {
        if !self.refreshes.may_ask() {
            return None;
        }
        let (receiver, sender) = self.refreshes.join(&login.sid).ok()?;
        let Some(sender) = sender else {
            return Some(receiver);
        };
        let (fresh, life) = times;
        let asked = Asked {
            login: Arc::clone(login),
            revision: self.revision.clone(),
            now,
            fresh,
            life,
        };
        let own = Arc::clone(self);
        tokio::spawn(async move {
            let leave = Leave(&own.refreshes, &asked.login.sid);
            let refreshed = own.refreshes.ask(&own.provider, &asked).await;
            if refreshed == Refreshed::Ended {
                ended().await;
                own.refreshes.forget(&asked.login.sid).await;
            }
            drop(leave);
            // No request waits any more if the visitor went away.
            let _ = sender.send(Some(refreshed));
        });
        Some(receiver)
    }
}

/// Leaves the place of a refresh, also if its task ends early.
struct Leave<'a>(&'a Refreshes, &'a str);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

#[cfg(test)]
mod tests;
