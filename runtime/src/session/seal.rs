//! Seals sessions: a session leaves its service in a signed envelope, and the service accepts only its own envelopes.
#![deny(clippy::disallowed_methods)]

use std::time::SystemTime;

use hydra_runtime_wire::signing::{derived, seconds};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::limits::{MAX_CLOCK_SKEW_SECONDS, MAX_SEALED_SESSION_BYTES, SEAL_LIFE_SECONDS};

/// The member of an envelope that holds the signed text.
const MEMBER: &str = "sealed";

/// Seals and opens the sessions of one service.
pub(crate) struct Sealer {
    encoding: EncodingKey,
    decoding: DecodingKey,
    service: String,
    installation: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    iat: u64,
    state: Value,
}

impl Sealer {
    /// For the sessions of `service` in the installation that `installation` names. All its instances need one `secret`.
    pub(crate) fn new(secret: &[u8], service: &str, installation: &str) -> Self {
        let key = derived(secret, "hydra session");
        Self {
            encoding: EncodingKey::from_secret(key.as_ref()),
            decoding: DecodingKey::from_secret(key.as_ref()),
            service: service.to_owned(),
            installation: installation.to_owned(),
        }
    }

    /// `state` in an envelope. `None` only where the platform's cryptography fails.
    pub(crate) fn seal(&self, state: Value, now: SystemTime) -> Option<Value> {
        let claims = Claims {
            iss: self.service.clone(),
            aud: self.installation.clone(),
            iat: seconds(now),
            state,
        };
        let text = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).ok()?;
        Some(json!({ MEMBER: text }))
    }

    /// The state in an envelope. `None`: this service did not make the envelope, or it is too old.
    pub(crate) fn open(&self, envelope: &Value, now: SystemTime) -> Option<Value> {
        let text = envelope.get(MEMBER)?.as_str()?;
        if text.len() > MAX_SEALED_SESSION_BYTES {
            return None;
        }
        let mut validation = Validation::new(Algorithm::HS256);
        // The time is checked below, against a clock that is a parameter.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let token = jsonwebtoken::decode::<Claims>(text, &self.decoding, &validation).ok()?;
        let (claims, now) = (token.claims, seconds(now));
        let is_ours = claims.iss == self.service && claims.aud == self.installation;
        let is_fresh = claims.iat <= now.saturating_add(MAX_CLOCK_SKEW_SECONDS)
            && now <= claims.iat.saturating_add(SEAL_LIFE_SECONDS);
        (is_ours && is_fresh).then_some(claims.state)
    }
}
