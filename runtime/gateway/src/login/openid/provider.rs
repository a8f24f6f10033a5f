//! Calls to the provider: what it says about itself, its keys, tokens and users.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::{Url, form_urlencoded};

use super::{
    discovery::{self, Endpoints},
    id_token::{BadIdToken, Claims, Expected, ProviderKeys},
};
use crate::{
    config::{Secret, openid::OpenIdProvider},
    limits::{
        MAX_OPENID_ANSWER_BYTES, MAX_OPENID_TOKEN_BYTES, OPENID_CALL_TIMEOUT, OPENID_KEYS_PAUSE,
        OPENID_REREAD, OPENID_RETRY_PAUSE,
    },
    upstream::{
        Trust,
        outside::{self, OutsideError},
    },
};

/// Why the provider is of no use at present. The texts are for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProviderError {
    /// It can't be reached, or says that it can't answer now.
    #[error("{0}")]
    Away(String),
    /// It refuses the code or the refresh token.
    #[error("the provider refuses it: {0}")]
    Refused(String),
    /// Its answer can't be used.
    #[error("{0}")]
    Wrong(String),
}

/// The tokens of a user.
#[derive(Deserialize)]
pub(super) struct Tokens {
    #[serde(default)]
    pub(super) id_token: Option<String>,
    #[serde(default)]
    pub(super) access_token: Option<String>,
    #[serde(default)]
    pub(super) refresh_token: Option<String>,
}

/// Something that is read from the provider, and read again after a while.
struct Kept<T> {
    value: Option<(Instant, Arc<T>)>,
    /// The last failure, which is repeated for a while.
    failed: Option<(Instant, ProviderError)>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            value: None,
            failed: None,
        }
    }
}

/// The provider of the settings.
pub(super) struct Provider {
    pub(super) settings: OpenIdProvider,
    trust: Trust,
    /// Held while it is read, so that it is read once.
    endpoints: Mutex<Kept<Endpoints>>,
    /// The same.
    keys: Mutex<Kept<ProviderKeys>>,
}

impl Provider {
    /// This connects to nothing.
    ///
    /// # Errors
    /// The file of certificate authorities can't be used.
    pub(super) fn new(settings: OpenIdProvider) -> Result<Self, String> {
        let trust =
            Trust::new(settings.ca.as_deref().map(Path::new)).map_err(|reason| format!("`ca`: {reason}"))?;
        Ok(Self {
            settings,
            trust,
            endpoints: Mutex::default(),
            keys: Mutex::default(),
        })
    }

    /// Where the provider answers.
    pub(super) async fn endpoints(&self) -> Result<Arc<Endpoints>, ProviderError> {
        let mut kept = self.endpoints.lock().await;
        if let Some(known) = kept.fresh(OPENID_REREAD)? {
            return Ok(known);
        }
        let read = async {
            let address = discovery::address(&self.settings.issuer);
            let text = self.get(&address, None).await?;
            discovery::read(&text, &self.settings.issuer)
                .map_err(|reason| ProviderError::Wrong(format!("`{address}`: {reason}")))
        };
        let read = read.await;
        kept.keep(read)
    }

    /// The provider's keys, not older than `age`.
    async fn keys(&self, age: Duration) -> Result<Arc<ProviderKeys>, ProviderError> {
        let endpoints = self.endpoints().await?;
        let mut kept = self.keys.lock().await;
        if let Some(known) = kept.fresh(age)? {
            return Ok(known);
        }
        let read = async {
            let text = self.get(endpoints.keys.as_str(), None).await?;
            ProviderKeys::read(&text)
                .map_err(|reason| ProviderError::Wrong(format!("`{}`: {reason}", endpoints.keys)))
        };
        let read = read.await;
        kept.keep(read)
    }

    /// Makes the keys as old as is needed to read them again.
    #[cfg(test)]
    pub(super) async fn forget_age(&self) {
        let mut kept = self.keys.lock().await;
        if let Some((at, _)) = &mut kept.value {
            *at -= OPENID_KEYS_PAUSE;
        }
    }

    /// The claims of a token. If it names a key that is not known, the keys are read again.
    pub(super) async fn claims(
        &self,
        token: &str,
        nonce: Option<&str>,
        now: u64,
    ) -> Result<Claims, ProviderError> {
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce,
            now,
        };
        let checked = match self.keys(OPENID_REREAD).await?.verify(token, expected) {
            Err(BadIdToken::UnknownKey) => self.keys(OPENID_KEYS_PAUSE).await?.verify(token, expected),
            checked => checked,
        };
        checked.map_err(|bad| ProviderError::Wrong(bad.to_string()))
    }

    /// What the provider says about the user of an access token (OpenID Connect Core 1.0 section 5.3). `None`: it has no
    /// such address.
    pub(super) async fn userinfo(&self, tokens: &Tokens) -> Result<Option<Claims>, ProviderError> {
        let endpoints = self.endpoints().await?;
        let (Some(address), Some(access)) = (&endpoints.userinfo, &tokens.access_token) else {
            return Ok(None);
        };
        let text = self.get(address.as_str(), Some(access)).await?;
        let claims = serde_json::from_slice(&text);
        claims
            .map(Some)
            .map_err(|_| ProviderError::Wrong(format!("`{address}`: the answer is not a JSON object")))
    }

    /// Calls the token endpoint (RFC 6749 section 3.2).
    pub(super) async fn tokens(&self, grant: &[(&str, &str)]) -> Result<Tokens, ProviderError> {
        let endpoints = self.endpoints().await?;
        let (request, form) = self.token_request(&endpoints, grant);
        let (status, body) = self.call(request, form.into()).await?;
        if status != StatusCode::OK {
            return Err(refusal(status, &body, &endpoints.token));
        }
        let tokens: Tokens = serde_json::from_slice(&body)
            .map_err(|_| ProviderError::Wrong(format!("`{}`: the answer has no tokens", endpoints.token)))?;
        let lengths = [&tokens.id_token, &tokens.access_token, &tokens.refresh_token];
        let is_long = |token: &&Option<String>| {
            token
                .as_ref()
                .is_some_and(|token| token.len() > MAX_OPENID_TOKEN_BYTES)
        };
        match lengths.iter().any(is_long) {
            true => Err(ProviderError::Wrong("a token is too long".to_owned())),
            false => Ok(tokens),
        }
    }

    /// The request with the client's credentials, and its form.
    fn token_request(
        &self,
        endpoints: &Endpoints,
        grant: &[(&str, &str)],
    ) -> (http::request::Builder, String) {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(grant);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(endpoints.token.as_str())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let id = &self.settings.client_id;
        match self.settings.client_secret.as_ref().map(Secret::reveal) {
            Some(secret) if !endpoints.secret_in_form => {
                request = request.header(AUTHORIZATION, basic(id, secret));
            }
            Some(secret) => {
                form.append_pair("client_id", id)
                    .append_pair("client_secret", secret);
            }
            None => _ = form.append_pair("client_id", id),
        }
        (request, form.finish())
    }

    async fn get(&self, address: &str, access: Option<&str>) -> Result<Bytes, ProviderError> {
        let mut request = Request::builder().uri(address);
        if let Some(access) = access {
            let value = HeaderValue::try_from(format!("Bearer {access}"));
            let mut value =
                value.map_err(|_| ProviderError::Wrong("the access token can't be sent".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        match self.call(request, Bytes::new()).await? {
            (StatusCode::OK, body) => Ok(body),
            (status, _) if is_later(status) => {
                Err(ProviderError::Away(format!("`{address}` answers {status}")))
            }
            (status, _) => Err(ProviderError::Wrong(format!("`{address}` answers {status}"))),
        }
    }

    async fn call(
        &self,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), ProviderError> {
        let request = request
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, "hydra")
            .body(body);
        let request = request.map_err(|error| ProviderError::Wrong(error.to_string()))?;
        let address = request.uri().to_string();
        let until = tokio::time::Instant::now() + OPENID_CALL_TIMEOUT;
        let called = outside::call(&self.trust, request, MAX_OPENID_ANSWER_BYTES, until).await;
        match called {
            Ok(response) => Ok((response.status(), response.into_body())),
            Err(error @ OutsideError::TooLong(_)) => {
                Err(ProviderError::Wrong(format!("`{address}`: {error}")))
            }
            Err(OutsideError::NoAnswer(reason)) => Err(ProviderError::Away(format!("`{address}`: {reason}"))),
        }
    }
}

impl<T> Kept<T> {
    /// What is known, unless it is older than `age`. The last failure, if it is young.
    fn fresh(&self, age: Duration) -> Result<Option<Arc<T>>, ProviderError> {
        if let Some((at, value)) = &self.value
            && at.elapsed() < age
        {
            return Ok(Some(Arc::clone(value)));
        }
        match (&self.failed, &self.value) {
            (Some((at, _)), Some((_, value))) if at.elapsed() < OPENID_RETRY_PAUSE => {
                Ok(Some(Arc::clone(value)))
            }
            (Some((at, error)), None) if at.elapsed() < OPENID_RETRY_PAUSE => Err(error.clone()),
            _ => Ok(None),
        }
    }

    /// Keeps what was read. After a failure, the former value stays.
    fn keep(&mut self, read: Result<T, ProviderError>) -> Result<Arc<T>, ProviderError> {
        match read {
            Ok(value) => {
                let value = Arc::new(value);
                self.value = Some((Instant::now(), Arc::clone(&value)));
                self.failed = None;
                Ok(value)
            }
            Err(error) => {
                tracing::warn!(reason = %error, "the OpenID provider can't be used as it should");
                self.failed = Some((Instant::now(), error.clone()));
                self.value
                    .as_ref()
                    .map(|(_, value)| Arc::clone(value))
                    .ok_or(error)
            }
        }
    }
}

/// Whether a status says that the provider may answer later.
fn is_later(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
}

/// The credentials of RFC 6749 section 2.3.1.
fn basic(id: &str, secret: &str) -> HeaderValue {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = BASE64_STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
    // Letters, digits and `+/=` can always stand in a header.
    let value = HeaderValue::try_from(format!("Basic {pair}"));
    let mut value = value.unwrap_or(HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

/// What an answer of the token endpoint says that is not a token (RFC 6749 section 5.2).
fn refusal(status: StatusCode, body: &[u8], address: &Url) -> ProviderError {
    #[derive(Default, Deserialize)]
    struct Body {
        #[serde(default)]
        error: String,
    }
    let Body { error } = serde_json::from_slice(body).unwrap_or_default();
    let error = hydra_runtime_wire::lines::cut(&error).escape_debug().to_string();
    match (&*error, status) {
        (_, status) if is_later(status) => ProviderError::Away(format!("`{address}` answers {status}")),
        (
            "invalid_grant"
            | "access_denied"
            | "consent_required"
            | "interaction_required"
            | "login_required",
            _,
        ) => ProviderError::Refused(error),
        ("invalid_client" | "unauthorized_client", _) | (_, StatusCode::UNAUTHORIZED) => {
            ProviderError::Wrong(format!(
                "`{address}` answers {status} {error}: are `client_id` and `client_secret` right?"
            ))
        }
        _ => ProviderError::Wrong(format!("`{address}` answers {status} {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_refusal_means() {
        let address = Url::parse("https://login.example/token").expect("an address");
        let of = |status: u16, body: &str| {
            refusal(
                StatusCode::from_u16(status).expect("a status"),
                body.as_bytes(),
                &address,
            )
        };
        for (status, body, expected) in [
            (
                400,
                r#"{"error":"invalid_grant"}"#,
                "the provider refuses it: invalid_grant",
            ),
            (
                400,
                r#"{"error":"access_denied"}"#,
                "the provider refuses it: access_denied",
            ),
            (
                401,
                r#"{"error":"invalid_client"}"#,
                "are `client_id` and `client_secret` right?",
            ),
            (401, "", "are `client_id` and `client_secret` right?"),
            (400, "<html>", "answers 400 Bad Request"),
            (302, "", "answers 302 Found"),
        ] {
            let said = of(status, body).to_string();
            assert!(said.contains(expected), "{said}");
        }
        for (status, body) in [
            (503, r#"{"error":"invalid_grant"}"#),
            (429, ""),
            (500, ""),
            (502, "x"),
        ] {
            assert!(matches!(of(status, body), ProviderError::Away(_)), "{status}");
        }
        let evil = of(400, &format!(r#"{{"error":"a\nb{}"}}"#, "x".repeat(9_000))).to_string();
        assert!(!evil.contains('\n') && evil.len() < 500, "{evil}");
    }

    #[test]
    fn a_password_may_contain_colons() {
        let value = basic("a:b", "c d%");
        let encoded = value.to_str().expect("ASCII").trim_start_matches("Basic ");
        let pair = BASE64_STANDARD.decode(encoded).expect("base64");
        assert_eq!(pair, b"a%3Ab:c+d%25");
        assert!(value.is_sensitive());
    }
}
