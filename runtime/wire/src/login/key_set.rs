//! The public keys of an installation, which verify login tokens.
#![deny(clippy::disallowed_methods)]

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ISSUER,
    claims::{Claims, Login},
    key_pair::jwk,
};
use crate::limits::{MAX_CLOCK_SKEW_SECS, MAX_LOGIN_KEYS, MAX_LOGIN_TOKEN_BYTES};

/// Keys by their ids, and the name of the installation.
#[derive(Clone, Default)]
pub struct LoginKeys {
    audience: String,
    keys: Vec<(String, DecodingKey)>,
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLogin {
    /// No token of the installation is that long.
    #[error("the token is too long")]
    TooLong,
    /// It is not a token, or a claim is missing or has the wrong type.
    #[error("the token is malformed")]
    Malformed,
    /// It is not signed with RS256.
    #[error("the token is not signed with RS256")]
    Algorithm,
    /// It names a key that the installation does not have.
    #[error("the token names an unknown key")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the signature of the token is wrong")]
    Signature,
    /// Another issuer made it.
    #[error("the token has another issuer")]
    Issuer,
    /// It was made for another installation.
    #[error("the token is for another installation")]
    Audience,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
    /// It was issued later than now.
    #[error("the token is from the future")]
    Future,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

/// The id of the key that a token names. `None`: it names none. The token is not verified.
#[must_use]
pub fn kid(token: &str) -> Option<String> {
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    serde_json::from_slice::<Header>(&header).ok()?.kid
}

impl LoginKeys {
    /// The RSA keys of a JWK set (RFC 7517 section 5) for the installation `audience`. Other keys are ignored, since
    /// later releases may have keys of other kinds; so are all beyond the first [`MAX_LOGIN_KEYS`].
    #[must_use]
    pub fn of_set(set: &Value, audience: &str) -> Self {
        let keys = set["keys"].as_array().into_iter().flatten();
        Self {
            audience: audience.to_owned(),
            keys: keys.filter_map(read).take(MAX_LOGIN_KEYS).collect(),
        }
    }

    /// The same keys, for tokens with another audience.
    #[must_use]
    pub fn for_audience(&self, audience: &str) -> Self {
        Self {
            audience: audience.to_owned(),
            keys: self.keys.clone(),
        }
    }

    /// The JWK set of a public key, which is base64 of its DER SubjectPublicKeyInfo. The set is empty if there is no
    /// key, or the key can't be read.
    #[must_use]
    pub fn set_of(public_key: &str) -> Value {
        let keys: Vec<Value> = jwk(public_key).into_iter().collect();
        json!({ "keys": keys })
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Verifies a token. `now` is in seconds since 1970; `leeway` is how many seconds the token may have ended before,
    /// for verifiers whose clock is not the issuer's.
    ///
    /// # Errors
    /// Why the token is not accepted.
    pub fn verify(&self, token: &str, now: u64, leeway: u64) -> Result<Login, BadLogin> {
        if token.len() > MAX_LOGIN_TOKEN_BYTES {
            return Err(BadLogin::TooLong);
        }
        let key = self.key(token)?;
        let mut validation = Validation::new(Algorithm::RS256);
        // These are checked below, against the clock that the caller passes in.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Claims>(token, key, &validation);
        let claims = claims
            .map(|token| token.claims)
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidSignature | ErrorKind::Base64(_) => BadLogin::Signature,
                _ => BadLogin::Malformed,
            })?;
        if claims.iss != ISSUER {
            return Err(BadLogin::Issuer);
        }
        if claims.aud != self.audience {
            return Err(BadLogin::Audience);
        }
        if claims.exp.saturating_add(leeway) <= now {
            return Err(BadLogin::Expired);
        }
        if claims.iat > now.saturating_add(MAX_CLOCK_SKEW_SECS) {
            return Err(BadLogin::Future);
        }
        Ok(claims.into())
    }

    /// The key that the header of a token names.
    fn key(&self, token: &str) -> Result<&DecodingKey, BadLogin> {
        let mut parts = token.split('.');
        let (Some(header), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(BadLogin::Malformed);
        };
        let header = BASE64_URL_SAFE_NO_PAD
            .decode(header)
            .map_err(|_| BadLogin::Malformed)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| BadLogin::Malformed)?;
        if header.alg != "RS256" {
            return Err(BadLogin::Algorithm);
        }
        // Extensions that must be understood are not (RFC 7515 section 4.1.11).
        if header.crit.is_some() {
            return Err(BadLogin::Malformed);
        }
        let kid = header.kid.ok_or(BadLogin::UnknownKey)?;
        let key = self.keys.iter().find(|(id, _)| *id == kid);
        key.map(|(_, key)| key).ok_or(BadLogin::UnknownKey)
    }
}

/// A key of a set, if it is one that verifies login tokens.
fn read(key: &Value) -> Option<(String, DecodingKey)> {
    let key: Jwk = serde_json::from_value(key.clone()).ok()?;
    let is_rsa = matches!(key.algorithm, AlgorithmParameters::RSA(_));
    let is_rs256 = matches!(key.common.key_algorithm, None | Some(KeyAlgorithm::RS256));
    let signs = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let decoding = DecodingKey::from_jwk(&key).ok()?;
    let kid = key.common.key_id?;
    (is_rsa && is_rs256 && signs).then_some((kid, decoding))
}

impl std::fmt::Debug for LoginKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<&str> = self.keys.iter().map(|(kid, _)| kid.as_str()).collect();
        f.debug_struct("LoginKeys")
            .field("kids", &ids)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
