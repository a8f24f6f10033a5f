//! The visitor's way to the provider and back.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use http::{HeaderMap, HeaderValue};
use url::form_urlencoded;

use super::{
    OpenId, Person, ProviderError, Returned, complete,
    flow::{self, RETURN},
};
use crate::{
    edge::headers,
    limits::{MAX_OPENID_LOGINS, MAX_OPENID_PARAMETER_BYTES, OPENID_LOGIN_TIMEOUT},
};

/// A visitor at one of the gateway's pages.
#[derive(Clone, Copy)]
pub(crate) struct Visitor<'a> {
    /// `https://shop.example`.
    pub(crate) site: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) is_secure: bool,
    /// In seconds since 1970.
    pub(crate) now: u64,
}

/// Where a visitor goes to log in, and the cookie that binds the login to the browser.
pub(crate) struct Way {
    pub(crate) to: String,
    pub(crate) cookie: HeaderValue,
}

/// Why a visitor can't log in at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoLogin {
    /// The login was not begun in this browser, or too long ago.
    Unknown,
    /// The provider or the user refuses.
    Refused,
    /// The provider's answer can't be used.
    Wrong,
    /// The provider can't be reached.
    Away,
    /// Too many visitors return at present.
    Busy,
}

impl NoLogin {
    /// The name in metrics.
    pub(crate) fn outcome(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::Wrong => "wrong",
            Self::Away => "away",
            Self::Busy => "busy",
        }
    }
}

impl From<ProviderError> for NoLogin {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Away(_) => Self::Away,
            ProviderError::Refused(_) => Self::Refused,
            ProviderError::Wrong(_) => Self::Wrong,
        }
    }
}

impl Visitor<'_> {
    /// The secret of the visitor's browser. `None`: it has none yet.
    fn secret(&self) -> Option<String> {
        let mut values = headers::cookies(self.headers, flow::COOKIE);
        let value = values.find(|value| flow::is_secret(value))?;
        std::str::from_utf8(value).ok().map(str::to_owned)
    }

    fn return_address(&self) -> String {
        format!("{}{RETURN}", self.site)
    }
}

/// Begins a login: the visitor goes to the provider, and afterwards to `next`.
///
/// # Errors
/// The provider can't be used at present.
pub(crate) async fn begin(openid: &OpenId, visitor: Visitor<'_>, next: &str) -> Result<Way, NoLogin> {
    let endpoints = tokio::time::timeout(OPENID_LOGIN_TIMEOUT, openid.provider.endpoints()).await;
    let endpoints = endpoints.map_err(|_| NoLogin::Away)??;
    let random = || uuid::Uuid::new_v4().simple().to_string();
    // Several tabs may log in at the same time.
    let secret = visitor.secret().unwrap_or_else(random);
    let begun = openid.flow.begin(&secret, random(), next, visitor.now);
    let (_, parameters) = begun.ok_or(NoLogin::Wrong)?;
    let settings = &openid.provider.settings;
    let scope = ["openid"]
        .into_iter()
        .chain(
            settings
                .scopes
                .iter()
                .map(String::as_str)
                .filter(|scope| *scope != "openid"),
        )
        .collect::<Vec<_>>()
        .join(" ");
    let mut to = endpoints.authorization.clone();
    to.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("client_id", &settings.client_id),
        ("redirect_uri", &visitor.return_address()),
        ("scope", &scope),
        ("state", &parameters.state),
        ("nonce", &parameters.nonce),
        ("code_challenge", &parameters.challenge),
        ("code_challenge_method", "S256"),
    ]);
    let cookie = flow::cookie(&secret, visitor.is_secure).ok_or(NoLogin::Wrong)?;
    Ok(Way {
        to: to.into(),
        cookie,
    })
}

/// What the provider adds to the address to which it sends a visitor back (RFC 6749 section 4.1.2, RFC 9207).
#[derive(Default)]
struct Query {
    code: String,
    state: String,
    error: String,
    issuer: Option<String>,
}

impl Query {
    fn read(query: &str) -> Self {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "code" => read.code = value.into_owned(),
                "state" => read.state = value.into_owned(),
                "error" => read.error = value.into_owned(),
                "iss" => read.issuer = Some(value.into_owned()),
                _ => {}
            }
        }
        read
    }
}

/// A place among those who return.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(count: &'a AtomicUsize) -> Option<Self> {
        let before = count.fetch_add(1, Relaxed);
        let place = Self(count);
        (before < MAX_OPENID_LOGINS).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Ends a login: the visitor comes back from the provider with this query. The error comes with where the visitor wanted to
/// go, if that is known.
pub(crate) async fn returned(
    openid: &OpenId,
    visitor: Visitor<'_>,
    query: &str,
) -> Result<Returned, (NoLogin, String)> {
    let query = Query::read(query);
    let secret = visitor.secret().ok_or((NoLogin::Unknown, String::new()))?;
    let begun = openid.flow.known(&query.state, &secret, visitor.now);
    let begun = begun.ok_or((NoLogin::Unknown, String::new()))?;
    let next = begun.next.clone();
    let failed = |why| (why, next.clone());
    if !query.error.is_empty() {
        let code = hydra_runtime_wire::lines::cut(&query.error)
            .escape_debug()
            .to_string();
        tracing::info!(code, "the OpenID provider refuses a login");
        return Err(failed(match &*code {
            "temporarily_unavailable" | "server_error" => NoLogin::Away,
            _ => NoLogin::Refused,
        }));
    }
    let Some(_place) = Place::take(&openid.returning) else {
        return Err(failed(NoLogin::Busy));
    };
    let exchange = exchange(openid, visitor, &query, &begun, &secret);
    let late = |_| ProviderError::Away("the provider took too long".to_owned());
    let exchanged = tokio::time::timeout(OPENID_LOGIN_TIMEOUT, exchange).await;
    match exchanged.map_err(late).and_then(|exchanged| exchanged) {
        Ok((person, tokens)) => Ok(Returned {
            person,
            tokens,
            next: begun.next,
        }),
        Err(error) => {
            tracing::warn!(reason = %error, "a login at the OpenID provider failed");
            Err(failed(error.into()))
        }
    }
}

async fn exchange(
    openid: &OpenId,
    visitor: Visitor<'_>,
    query: &Query,
    begun: &flow::Begun,
    secret: &str,
) -> Result<(Person, super::Tokens), ProviderError> {
    let wrong = |reason: &str| ProviderError::Wrong(reason.to_owned());
    let provider = &openid.provider;
    let endpoints = provider.endpoints().await?;
    // RFC 9207 section 2.4: the answer may be that of another provider.
    match &query.issuer {
        Some(issuer) if *issuer != provider.settings.issuer => {
            return Err(wrong("the answer comes from another provider: `iss` differs"));
        }
        None if endpoints.names_issuer => return Err(wrong("the answer lacks `iss`")),
        _ => {}
    }
    if query.code.is_empty() || query.code.len() > MAX_OPENID_PARAMETER_BYTES {
        return Err(wrong("the answer has no code, or one that is too long"));
    }
    let grant = [
        ("grant_type", "authorization_code"),
        ("code", &query.code),
        ("redirect_uri", &visitor.return_address()),
        ("code_verifier", &openid.flow.verifier(begun, secret)),
    ];
    let tokens = provider.tokens(&grant).await?;
    let token = tokens.id_token.as_deref();
    let token = token.ok_or_else(|| wrong("the provider gave no id_token"))?;
    let nonce = openid.flow.nonce(begun, secret);
    let mut claims = provider.claims(token, Some(&nonce), visitor.now).await?;
    complete(provider, &mut claims, &tokens).await?;
    let person = Person::of(&claims, &provider.settings).map_err(ProviderError::Wrong)?;
    Ok((person, tokens))
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Way").finish_non_exhaustive()
    }
}
