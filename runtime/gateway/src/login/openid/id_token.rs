//! Checks the tokens with which a provider says who a user is (OpenID Connect Core 1.0 sections 3.1.3.7 and 12.2).
#![deny(clippy::disallowed_methods)]

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::limits::{MAX_OPENID_KEYS, MAX_OPENID_TOKEN_BYTES};

/// How many seconds the clocks of the provider and of this machine may differ.
const SKEW_SECS: u64 = 60;

/// The claims of a token.
pub(super) type Claims = Map<String, Value>;

/// The keys with which a provider signs.
#[derive(Default)]
pub(super) struct ProviderKeys(Vec<ProviderKey>);

struct ProviderKey {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// Why a token is not accepted. The texts are for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadIdToken {
    #[error("the id_token is too long")]
    TooLong,
    #[error("the id_token is malformed, or a claim is missing or has the wrong type")]
    Malformed,
    #[error("the id_token is not signed with RSA, ECDSA or EdDSA")]
    Algorithm,
    #[error("the id_token names a key that the provider does not announce")]
    UnknownKey,
    #[error("the signature of the id_token is wrong")]
    Signature,
    #[error("the id_token has another issuer")]
    Issuer,
    #[error("the id_token is for another client")]
    Audience,
    #[error("the id_token has expired: are the clocks right?")]
    Expired,
    #[error("the id_token is from the future: are the clocks right?")]
    Future,
    #[error("the id_token belongs to another login: its `nonce` differs")]
    Nonce,
}

/// What a token must say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    /// `None`: the token came with a refresh, where it need not have a nonce.
    pub(super) nonce: Option<&'a str>,
    /// In seconds since 1970.
    pub(super) now: u64,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

impl ProviderKeys {
    /// The keys of a JWK set that verify signatures (RFC 7517). Others are ignored.
    ///
    /// # Errors
    /// It is not a set, or has no such key.
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        let set: Value =
            serde_json::from_slice(text).map_err(|error| format!("it is not a JWK set: {error}"))?;
        let keys = set["keys"].as_array().into_iter().flatten();
        let keys: Vec<_> = keys.filter_map(key).take(MAX_OPENID_KEYS).collect();
        if keys.is_empty() {
            return Err("it has no key that verifies signatures".to_owned());
        }
        Ok(Self(keys))
    }

    /// The key with which a token says that it is signed.
    fn of(&self, header: &Header, algorithm: Algorithm) -> Result<&DecodingKey, BadIdToken> {
        let mut fitting = self.0.iter().filter(|key| {
            let is_named = header.kid.is_none() || key.kid == header.kid;
            is_named && key.algorithms.contains(&algorithm)
        });
        let first = fitting.next().ok_or(BadIdToken::UnknownKey)?;
        // Without a name, there must be no doubt (section 10.1).
        let is_clear = header.kid.is_some() || fitting.next().is_none();
        is_clear.then_some(&first.key).ok_or(BadIdToken::UnknownKey)
    }

    /// Checks a token. Returns its claims.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub(super) fn verify(&self, token: &str, expected: Expected<'_>) -> Result<Claims, BadIdToken> {
        if token.len() > MAX_OPENID_TOKEN_BYTES {
            return Err(BadIdToken::TooLong);
        }
        let header = token.split('.').next().unwrap_or_default();
        let header = BASE64_URL_SAFE_NO_PAD
            .decode(header)
            .map_err(|_| BadIdToken::Malformed)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| BadIdToken::Malformed)?;
        let algorithm: Algorithm = header.alg.parse().map_err(|_| BadIdToken::Algorithm)?;
        if is_symmetric(algorithm) {
            return Err(BadIdToken::Algorithm);
        }
        // Extensions that must be understood are not (RFC 7515 section 4.1.11).
        if header.crit.is_some() {
            return Err(BadIdToken::Malformed);
        }
        let mut validation = Validation::new(algorithm);
        // These are checked below, against the clock that the caller passes in.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let key = self.of(&header, algorithm)?;
        let token = jsonwebtoken::decode::<Claims>(token, key, &validation);
        let claims = token.map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature | ErrorKind::Base64(_) => BadIdToken::Signature,
            _ => BadIdToken::Malformed,
        })?;
        check(&claims.claims, expected)?;
        Ok(claims.claims)
    }
}

fn is_symmetric(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512)
}

fn check(claims: &Claims, expected: Expected<'_>) -> Result<(), BadIdToken> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    // Times may be written as `1.7e9` (RFC 7519 section 2).
    let time = |name: &str| {
        let value = claims.get(name)?.as_f64()?;
        (0.0..1e15).contains(&value).then_some(value as u64)
    };
    if text("iss") != Some(expected.issuer) {
        return Err(BadIdToken::Issuer);
    }
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is_ours = audiences.contains(&expected.client_id);
    let is_party = match claims.get("azp") {
        Some(party) => party.as_str() == Some(expected.client_id),
        None => audiences.len() == 1,
    };
    if !is_ours || !is_party {
        return Err(BadIdToken::Audience);
    }
    let end = time("exp").ok_or(BadIdToken::Malformed)?;
    if end.saturating_add(SKEW_SECS) <= expected.now {
        return Err(BadIdToken::Expired);
    }
    let issued = time("iat").ok_or(BadIdToken::Malformed)?;
    if issued > expected.now.saturating_add(SKEW_SECS) {
        return Err(BadIdToken::Future);
    }
    if expected.nonce.is_some() && text("nonce") != expected.nonce {
        return Err(BadIdToken::Nonce);
    }
    // Section 2: at most 255 ASCII characters.
    let is_subject = text("sub").is_some_and(|subject| (1..=255).contains(&subject.len()));
    is_subject.then_some(()).ok_or(BadIdToken::Malformed)
}

/// A key of a set, if it verifies signatures.
fn key(key: &Value) -> Option<ProviderKey> {
    let key: Jwk = serde_json::from_value(key.clone()).ok()?;
    if !matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let mut algorithms = match &key.algorithm {
        AlgorithmParameters::RSA(_) => vec![
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(params) if params.curve == EllipticCurve::P256 => {
            vec![Algorithm::ES256]
        }
        AlgorithmParameters::EllipticCurve(params) if params.curve == EllipticCurve::P384 => {
            vec![Algorithm::ES384]
        }
        AlgorithmParameters::OctetKeyPair(params) if params.curve == EllipticCurve::Ed25519 => {
            vec![Algorithm::EdDSA]
        }
        _ => return None,
    };
    if let Some(only) = key.common.key_algorithm {
        let only: Algorithm = only.to_string().parse().ok()?;
        algorithms.retain(|algorithm| *algorithm == only);
    }
    Some(ProviderKey {
        kid: key.common.key_id.clone(),
        algorithms,
        key: DecodingKey::from_jwk(&key).ok()?,
    })
}

#[cfg(test)]
mod tests;
