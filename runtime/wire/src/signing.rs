//! Signed calls between services and gateways (protocol section 6): only holders of the installation's private key
//! may call.
#![deny(clippy::disallowed_methods)]

mod derived;
mod replay;

use std::{
    sync::Mutex,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use derived::derived;
use replay::UsedSignatures;

use crate::limits::{MAX_CLOCK_SKEW_SECS, SIGNATURE_LIFE_SECS};

/// Signs and checks calls.
pub struct Signer {
    encoding: EncodingKey,
    decoding: DecodingKey,
    audience: String,
    /// The lock is held for one look-up, never across an await.
    used: Mutex<UsedSignatures>,
}

/// The claims of a signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    iat: u64,
    exp: u64,
    jti: String,
    digest: String,
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
    /// The signature has expired, lives too long, or one of the clocks is wrong.
    #[error("the signature has expired, or the clocks differ too much")]
    Time,
    /// The signature is for another body.
    #[error("the signature is for another body")]
    Body,
    /// The signature was used before.
    #[error("the signature was used before")]
    Again,
}

impl Signer {
    /// A signer for the installation with this public key.
    #[must_use]
    pub fn new(private_key: &str, public_key: &str) -> Self {
        Self {
            encoding: EncodingKey::from_secret(private_key.as_bytes()),
            decoding: DecodingKey::from_secret(private_key.as_bytes()),
            audience: public_key.to_owned(),
            used: Mutex::default(),
        }
    }

    /// The `Authorization` header for a call with this body. `issuer` is the service's name, or `hydra`. `None` only
    /// if the platform's cryptography fails.
    #[must_use]
    pub fn sign(&self, issuer: &str, body: &[u8], now: SystemTime) -> Option<HeaderValue> {
        let iat = seconds(now);
        let claims = Claims {
            iss: issuer.to_owned(),
            aud: self.audience.clone(),
            iat,
            exp: iat + SIGNATURE_LIFE_SECS,
            jti: Uuid::new_v4().to_string(),
            digest: digest_of(body),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).ok()?;
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Checks the signature of a call with these headers and this body. Returns the issuer.
    ///
    /// # Errors
    /// Why the call must be refused.
    pub fn check(&self, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Result<String, BadSignature> {
        let value = headers.get(AUTHORIZATION).ok_or(BadSignature::Missing)?;
        let token = value
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix("Bearer "))
            .ok_or(BadSignature::Wrong)?;
        let claims = self.read(token)?;
        let now = seconds(now);
        if claims.aud != self.audience {
            return Err(BadSignature::Audience);
        }
        let is_short = claims
            .exp
            .checked_sub(claims.iat)
            .is_some_and(|life| life <= SIGNATURE_LIFE_SECS);
        if !is_short
            || claims.exp.saturating_add(MAX_CLOCK_SKEW_SECS) < now
            || claims.iat > now.saturating_add(MAX_CLOCK_SKEW_SECS)
        {
            return Err(BadSignature::Time);
        }
        if claims.digest != digest_of(body) {
            return Err(BadSignature::Body);
        }
        let mut used = self
            .used
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // A signature is valid for its life, and for the difference of the clocks at both ends.
        if used.is_new(claims.jti, now, SIGNATURE_LIFE_SECS + 2 * MAX_CLOCK_SKEW_SECS) {
            Ok(claims.iss)
        } else {
            Err(BadSignature::Again)
        }
    }

    fn read(&self, token: &str) -> Result<Claims, BadSignature> {
        let mut validation = Validation::new(Algorithm::HS256);
        // Checked above, against the clock that the caller passes in.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let token = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation);
        token.map(|token| token.claims).map_err(|_| BadSignature::Wrong)
    }
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
mod tests {
    use super::*;

    const KEY: &str = "a private key for tests";

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn headers(value: HeaderValue) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value)])
    }

    /// Signs `body` at second 1,000.
    fn signed(body: &[u8]) -> HeaderMap {
        headers(
            Signer::new(KEY, "K")
                .sign("orders", body, at(1_000))
                .expect("signed"),
        )
    }

    #[test]
    fn a_signature_lets_one_call_in() {
        let (signer, headers) = (Signer::new(KEY, "K"), signed(b"body"));
        assert_eq!(
            signer.check(&headers, b"body", at(1_001)).as_deref(),
            Ok("orders")
        );
        assert_eq!(
            signer.check(&headers, b"body", at(1_002)),
            Err(BadSignature::Again)
        );
    }

    #[test]
    fn what_is_not_let_in() {
        let check =
            |headers: &HeaderMap, body: &[u8], now| Signer::new(KEY, "K").check(headers, body, at(now));
        let good = signed(b"body");
        assert_eq!(
            check(&HeaderMap::new(), b"body", 1_000),
            Err(BadSignature::Missing)
        );
        assert_eq!(check(&good, b"other", 1_000), Err(BadSignature::Body));
        assert_eq!(check(&good, b"body", 1_061), Err(BadSignature::Time));
        assert_eq!(check(&good, b"body", 969), Err(BadSignature::Time));
        for value in ["", "Bearer", "Bearer x", "Bearer a.b.c", "Basic x"] {
            assert_eq!(
                check(&headers(HeaderValue::from_static(value)), b"", 1_000),
                Err(BadSignature::Wrong)
            );
        }
        let other = Signer::new("another private key", "K");
        assert_eq!(other.check(&good, b"body", at(1_000)), Err(BadSignature::Wrong));
        let elsewhere = Signer::new(KEY, "L");
        assert_eq!(
            elsewhere.check(&good, b"body", at(1_000)),
            Err(BadSignature::Audience)
        );
    }

    #[test]
    fn a_token_without_a_signature_or_with_a_long_life_is_refused() {
        let claims = |exp| Claims {
            iss: "x".into(),
            aud: "K".into(),
            iat: 1_000,
            exp,
            jti: "1".into(),
            digest: digest_of(b""),
        };
        let long = jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            &claims(1_031),
            &EncodingKey::from_secret(KEY.as_bytes()),
        );
        let value = HeaderValue::try_from(format!("Bearer {}", long.expect("a token"))).expect("a value");
        assert_eq!(
            Signer::new(KEY, "K").check(&headers(value), b"", at(1_000)),
            Err(BadSignature::Time)
        );
        let encode = |text: &str| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text);
        let body = serde_json::to_string(&claims(1_030)).expect("JSON");
        let none = format!(
            "Bearer {}.{}.",
            encode(r#"{"alg":"none","typ":"JWT"}"#),
            encode(&body)
        );
        let value = HeaderValue::try_from(none).expect("a value");
        assert_eq!(
            Signer::new(KEY, "K").check(&headers(value), b"", at(1_000)),
            Err(BadSignature::Wrong)
        );
    }

    #[test]
    fn no_key_is_ever_shown() {
        assert!(!format!("{:?}", Signer::new(KEY, "K")).contains(KEY));
        let value = Signer::new(KEY, "K").sign("a", b"", at(0)).expect("signed");
        assert!(format!("{value:?}").contains("Sensitive"));
    }
}
