//! Signed calls between services and gateways (protocol section 6): only holders of a key of the installation may call,
//! and a service that has a key of its own speaks for itself only.
#![deny(clippy::disallowed_methods)]

mod derived;
mod replay;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
    hmac,
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header::AUTHORIZATION};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use derived::{derived, visitor_key};
use replay::UsedSignatures;

use crate::limits::{MAX_CLOCK_SKEW_SECS, MAX_SIGNATURE_ID_BYTES, SIGNATURE_LIFE_SECS};

/// The name of each gateway, as issuer and as recipient.
pub const GATEWAY: &str = "hydra";
/// The digest of a call whose body is passed on while it arrives. It can never be the digest of a whole body.
const STREAMED: &str = "streamed";
/// How a signature begins: the JOSE header `{"typ":"JWT","alg":"HS256"}`, in base64.
const BEGINNING: &str = "Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.";
/// The characters of its end: 32 bytes in base64.
const TAG_CHARS: usize = 43;
/// The same call signed with the second key, while the key of an installation or service is changed.
const SECOND_SIGNATURE: HeaderName = HeaderName::from_static("hydra-second-signature");

/// Signs and checks calls.
pub struct Signer {
    /// The keys of the installation, or of the service that has this signer.
    common: Keys,
    /// The keys of services that have their own, by name. Only gateways know them.
    own: HashMap<String, Keys>,
    audience: String,
    /// The lock is held for one look-up, never across an await.
    used: Mutex<UsedSignatures>,
}

/// The key that signs, and perhaps a second one that is valid too while a key is changed.
struct Keys {
    first: Key,
    second: Option<Key>,
}

struct Key {
    signing: hmac::Key,
    decoding: DecodingKey,
}

/// A call that is signed, or whose signature is checked.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The recipient: the name of a service, or [`GATEWAY`].
    pub to: &'a str,
    /// The method of the request.
    pub method: &'a Method,
    /// The path of the request with its query, as it is sent.
    pub path: &'a str,
    /// The body of the request.
    pub body: &'a [u8],
}

/// The signatures of one call: one for each valid key.
#[derive(Clone, Debug)]
pub struct Signatures {
    first: HeaderValue,
    second: Option<HeaderValue>,
    id: String,
}

impl Signatures {
    /// The id of the call (`jti`), which all its signatures have.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The tokens by themselves, for what has no headers: a SETUP, and the proof of a gateway (protocol section 7).
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        let values = [Some(&self.first), self.second.as_ref()];
        values.into_iter().flatten().filter_map(token)
    }
}

/// The token in the value of a header.
fn token(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()?.strip_prefix("Bearer ")
}

/// The tokens in these values of a header, each of which is `Bearer` and a token. Other values are skipped.
pub fn bearer_tokens<'v>(values: impl IntoIterator<Item = &'v HeaderValue>) -> impl Iterator<Item = &'v str> {
    values.into_iter().filter_map(token)
}

/// The headers that carry these tokens, the first two of them. Those that no header can hold are left out.
pub fn headers_of<'t>(tokens: impl IntoIterator<Item = &'t str>) -> HeaderMap {
    let names = [AUTHORIZATION, SECOND_SIGNATURE];
    let headers = names.into_iter().zip(tokens).filter_map(|(name, token)| {
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    });
    headers.collect()
}

impl IntoIterator for Signatures {
    type Item = (HeaderName, HeaderValue);
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<Self::Item>, 2>>;

    /// The headers that carry them.
    fn into_iter(self) -> Self::IntoIter {
        let second = self.second.map(|second| (SECOND_SIGNATURE, second));
        [Some((AUTHORIZATION, self.first)), second].into_iter().flatten()
    }
}

/// A call whose signature is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCall {
    /// Who signed it: the name of a service, or [`GATEWAY`].
    pub issuer: String,
    /// Identifies the call among all calls of all issuers: 64 hexadecimal digits.
    pub id: String,
    /// The id that the issuer gave to the call (`jti`).
    pub token_id: String,
}

/// The claims of a signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims<T = String> {
    iss: T,
    aud: T,
    to: T,
    method: T,
    path: T,
    iat: u64,
    exp: u64,
    jti: T,
    digest: T,
}

/// Why a call is refused. It reveals no more than the sender may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// The signature is missing.
    #[error("the call is not signed")]
    Missing,
    /// The signature was made with another key, or is malformed.
    #[error("the signature is wrong")]
    Wrong,
    /// The signature is for another installation.
    #[error("the signature is for another installation")]
    Audience,
    /// The signature is for another recipient.
    #[error("the signature is for another recipient")]
    Recipient,
    /// The signature is for another method or path.
    #[error("the signature is for another method or path")]
    Request,
    /// The signature has expired, lives too long, or one of the clocks is wrong.
    #[error("the signature has expired, or the clocks differ too much")]
    Time,
    /// The signature is for another body.
    #[error("the signature is for another body")]
    Body,
    /// The signature was used before.
    #[error("the signature was used before")]
    Again,
    /// Another party signed the call than may make it.
    #[error("the call is signed in the name of another service")]
    Issuer,
}

impl Signer {
    /// A signer for the installation with this public key. A service has its own private key, or that of the installation.
    #[must_use]
    pub fn new(private_key: &str, public_key: &str) -> Self {
        Self {
            common: Keys::new(private_key, None),
            own: HashMap::new(),
            audience: public_key.to_owned(),
            used: Mutex::default(),
        }
    }

    /// With a second key that is valid too: the next one, or the former one.
    #[must_use]
    pub fn with_second_key(mut self, second: Option<&str>) -> Self {
        self.common.second = second.map(Key::new);
        self
    }

    /// With the keys of a service that has its own: no other key is valid for its calls.
    #[must_use]
    pub fn with_service(mut self, service: &str, first: &str, second: Option<&str>) -> Self {
        self.own.insert(service.to_owned(), Keys::new(first, second));
        self
    }

    /// Whether a service has keys of its own.
    #[must_use]
    pub fn has_own_key(&self, service: &str) -> bool {
        self.own.contains_key(service)
    }

    /// The keys for calls between these two, of whom one is a gateway.
    fn keys(&self, issuer: &str, to: &str) -> &Keys {
        let service = if issuer == GATEWAY { to } else { issuer };
        self.own.get(service).unwrap_or(&self.common)
    }

    /// The signatures of a call by `issuer`: a service's name, or [`GATEWAY`]. `None` only if the platform's cryptography
    /// fails.
    #[must_use]
    pub fn sign(&self, issuer: &str, call: Call<'_>, now: SystemTime) -> Option<Signatures> {
        self.sign_digest(issuer, call, &digest_of(call.body), now)
    }

    /// The signatures of a call whose body is not known yet, because it is passed on while it arrives. The body of `call`
    /// does not count.
    #[must_use]
    pub fn sign_streamed(&self, issuer: &str, call: Call<'_>, now: SystemTime) -> Option<Signatures> {
        self.sign_digest(issuer, call, STREAMED, now)
    }

    fn sign_digest(&self, issuer: &str, call: Call<'_>, digest: &str, now: SystemTime) -> Option<Signatures> {
        let iat = seconds(now);
        // The same for both keys: otherwise, each could be used once.
        let id = Uuid::new_v4().to_string();
        let claims = Claims {
            iss: issuer,
            aud: &self.audience,
            to: call.to,
            method: call.method.as_str(),
            path: call.path,
            iat,
            exp: iat + SIGNATURE_LIFE_SECS,
            jti: &id,
            digest,
        };
        let keys = self.keys(issuer, call.to);
        let second = keys.second.as_ref().map(|key| key.sign(&claims));
        Some(Signatures {
            first: keys.first.sign(&claims)?,
            second: second.flatten(),
            id,
        })
    }

    /// Checks the signature of a call that came with these headers. A signature lets one call in.
    ///
    /// # Errors
    /// Why the call must be refused.
    pub fn check(
        &self,
        headers: &HeaderMap,
        call: Call<'_>,
        now: SystemTime,
    ) -> Result<SignedCall, BadSignature> {
        self.check_digest(headers, call, &digest_of(call.body), now)
    }

    /// Checks the signature of a call whose body is still arriving. Nothing of the body is checked, so only a path for
    /// which that is enough may accept it. The body of `call` does not count.
    ///
    /// # Errors
    /// Why the call must be refused.
    pub fn check_streamed(
        &self,
        headers: &HeaderMap,
        call: Call<'_>,
        now: SystemTime,
    ) -> Result<SignedCall, BadSignature> {
        self.check_digest(headers, call, STREAMED, now)
    }

    fn check_digest(
        &self,
        headers: &HeaderMap,
        call: Call<'_>,
        digest: &str,
        now: SystemTime,
    ) -> Result<SignedCall, BadSignature> {
        let claims = self.claims(headers, call.to)?;
        let now = seconds(now);
        self.check_claims(&claims, call, digest, now)?;
        let id = id(&claims);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        // A signature is valid for its life, and for the difference of the clocks at both ends.
        if used.is_new(id.clone(), now, SIGNATURE_VALID_SECS) {
            Ok(SignedCall {
                issuer: claims.iss,
                id,
                token_id: claims.jti,
            })
        } else {
            Err(BadSignature::Again)
        }
    }

    fn check_claims(
        &self,
        claims: &Claims,
        call: Call<'_>,
        digest: &str,
        now: u64,
    ) -> Result<(), BadSignature> {
        if claims.aud != self.audience {
            return Err(BadSignature::Audience);
        }
        let life = claims.exp.checked_sub(claims.iat);
        if life.is_none_or(|life| life > SIGNATURE_LIFE_SECS)
            || claims.exp.saturating_add(MAX_CLOCK_SKEW_SECS) < now
            || claims.iat > now.saturating_add(MAX_CLOCK_SKEW_SECS)
        {
            return Err(BadSignature::Time);
        }
        if claims.to != call.to {
            return Err(BadSignature::Recipient);
        }
        if claims.method != call.method.as_str() || claims.path != call.path {
            return Err(BadSignature::Request);
        }
        verify_slices_are_equal(claims.digest.as_bytes(), digest.as_bytes()).map_err(|_| BadSignature::Body)
    }

    /// The claims of the first signature that one of the issuer's keys made.
    fn claims(&self, headers: &HeaderMap, to: &str) -> Result<Claims, BadSignature> {
        let first = headers.get(AUTHORIZATION).ok_or(BadSignature::Missing)?;
        let values = [Some(first), headers.get(SECOND_SIGNATURE)];
        let mut claims = values.into_iter().flatten().filter_map(|value| {
            let token = token(value)?;
            self.keys(&unverified_issuer(token)?, to).read(token)
        });
        let claims = claims.next().ok_or(BadSignature::Wrong)?;
        match claims.jti.len() <= MAX_SIGNATURE_ID_BYTES {
            true => Ok(claims),
            false => Err(BadSignature::Wrong),
        }
    }
}

/// How long a used signature must be remembered, in seconds: for its life, and for the difference of the clocks at both ends.
pub const SIGNATURE_VALID_SECS: u64 = SIGNATURE_LIFE_SECS + 2 * MAX_CLOCK_SKEW_SECS;

impl Keys {
    fn new(first: &str, second: Option<&str>) -> Self {
        Self {
            first: Key::new(first),
            second: second.map(Key::new),
        }
    }

    /// The claims of a token that one of the keys signed.
    fn read(&self, token: &str) -> Option<Claims> {
        let second = self.second.as_ref();
        self.first
            .read(token)
            .or_else(|| second.and_then(|key| key.read(token)))
    }
}

impl Key {
    fn new(secret: &str) -> Self {
        Self {
            signing: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
            decoding: DecodingKey::from_secret(secret.as_bytes()),
        }
    }

    /// The header with the token of these claims. Each call to a service has one, so its constant parts are made
    /// once. `jsonwebtoken`, which checks tokens, makes the state of the key and the head anew for each: 8,000 of 47,000 instructions.
    fn sign<T: Serialize>(&self, claims: &Claims<T>) -> Option<HeaderValue> {
        let claims = serde_json::to_vec(claims).ok()?;
        let mut text = String::with_capacity(BEGINNING.len() + claims.len() / 3 * 4 + TAG_CHARS + 5);
        text.push_str(BEGINNING);
        BASE64_URL_SAFE_NO_PAD.encode_string(claims, &mut text);
        let signed = text.strip_prefix("Bearer ")?;
        let tag = hmac::sign(&self.signing, signed.as_bytes());
        text.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(tag, &mut text);
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn read(&self, token: &str) -> Option<Claims> {
        let mut validation = Validation::new(Algorithm::HS256);
        // Checked above, against the clock that the caller passes in.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let token = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation);
        token.ok().map(|token| token.claims)
    }
}

/// The issuer that a token names. It only chooses the keys with which the token is verified.
fn unverified_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let Issuer { iss } = serde_json::from_slice(&claims).ok()?;
    Some(iss)
}

/// Identifies a call by its issuer too, so that no service can use up the ids of another one.
fn id(claims: &Claims) -> String {
    let text = format!("{}\0{}", claims.iss, claims.jti);
    let digest = digest(&SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

fn digest_of(body: &[u8]) -> String {
    BASE64_STANDARD.encode(digest(&SHA256, body))
}

/// Seconds since 1970, as signatures and seals count time.
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}

#[cfg(test)]
mod tests;
