//! The content of a login token.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{ISSUER, LoginKeyPair};
use crate::limits::{LOGIN_ISSUED_EARLIER_SECS, MAX_LOGIN_TOKEN_BYTES};

/// The names of claims that mean something. Metadata of a user under such a name is not put into a token.
pub const CLAIMS: [&str; 15] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "sid",
    "auth_time",
    "rev",
    "azp",
    "nonce",
    "username",
    "userId",
    "roles",
];

/// Whether a text can be a role: 1 to 200 bytes, without spaces, commas and control characters, since headers and settings
/// list roles.
#[must_use]
pub fn is_role(text: &str) -> bool {
    let separates = |c: char| c.is_control() || c.is_whitespace() || c == ',';
    (1..=200).contains(&text.len()) && !text.contains(separates)
}

/// A login: who the visitor is, and until when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// Identifies the login. It stays the same when the token is renewed.
    pub sid: String,
    /// The user's name.
    pub username: String,
    /// The user's number, if the user has one.
    pub user_id: Option<i64>,
    /// The user's roles, as they are written in the user's record.
    pub roles: Vec<String>,
    /// What else is known about the user.
    pub metadata: BTreeMap<String, String>,
    /// When the user logged in, in seconds since 1970.
    pub since: u64,
    /// When the token ends, in seconds since 1970.
    pub expires: u64,
    /// The revision of the user's record for which the token was issued. Empty: the issuer does not keep records.
    pub revision: String,
}

/// The claims of a token that was signed by the installation.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) iat: u64,
    pub(super) exp: u64,
    #[serde(default)]
    sid: String,
    #[serde(default)]
    auth_time: Option<u64>,
    #[serde(default)]
    rev: String,
    username: String,
    #[serde(rename = "userId", default)]
    user_id: Option<i64>,
    roles: Vec<String>,
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

impl From<Claims> for Login {
    fn from(claims: Claims) -> Self {
        let metadata = claims
            .more
            .into_iter()
            .filter(|(name, _)| !CLAIMS.contains(&name.as_str()))
            .filter_map(|(name, value)| match value {
                Value::String(text) => Some((name, text)),
                _ => None,
            });
        Self {
            sid: claims.sid,
            username: claims.username,
            user_id: claims.user_id,
            roles: claims.roles,
            metadata: metadata.collect(),
            since: claims.auth_time.unwrap_or(claims.iat),
            expires: claims.exp,
            revision: claims.rev,
        }
    }
}

impl Login {
    /// Whether the user has this role.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }

    /// The token, signed with `key`, for the installation `audience`, and how many roles and members of the metadata
    /// were left out so that it fits into a cookie: metadata first, the last in the alphabet first, then the last roles.
    /// `now` is in seconds since 1970. `None` only if the platform's cryptography fails, or the name alone is too long.
    #[must_use]
    pub fn token(&self, key: &LoginKeyPair, audience: &str, jti: &str, now: u64) -> Option<(String, usize)> {
        let (mut metadata, mut roles) = (self.metadata.clone(), &self.roles[..]);
        let mut left_out = 0;
        loop {
            let token = key.sign(&self.claims(&metadata, roles, audience, jti, now))?;
            if token.len() <= MAX_LOGIN_TOKEN_BYTES {
                return Some((token, left_out));
            }
            // Base64 makes four letters of three bytes.
            let mut surplus = (token.len() - MAX_LOGIN_TOKEN_BYTES) * 3 / 4 + 1;
            while surplus > 0 {
                let freed = match metadata.pop_last() {
                    Some((name, value)) => name.len() + value.len(),
                    None => {
                        let (last, others) = roles.split_last()?;
                        roles = others;
                        last.len()
                    }
                };
                left_out += 1;
                surplus = surplus.saturating_sub(freed + 3);
            }
        }
    }

    /// A token that tells one service of this login: `aud` is the service, and `iss` is not that of logins, so that no
    /// service takes it for a login. It lacks `sid`, which identifies the login elsewhere. The times are in seconds since
    /// 1970. `None` only if the platform's cryptography fails.
    #[must_use]
    pub fn service_token(
        &self,
        key: &LoginKeyPair,
        installation: &str,
        audience: &str,
        jti: &str,
        now: u64,
        expires: u64,
    ) -> Option<String> {
        let mut claims = self.claims(&self.metadata, &self.roles, audience, jti, now);
        let members = claims.as_object_mut()?;
        members.remove("sid");
        members.remove("rev");
        members.insert("iss".to_owned(), format!("{ISSUER}/{installation}").into());
        members.insert("sub".to_owned(), self.username.clone().into());
        members.insert("exp".to_owned(), expires.into());
        key.sign(&claims)
    }

    fn claims(
        &self,
        metadata: &BTreeMap<String, String>,
        roles: &[String],
        audience: &str,
        jti: &str,
        now: u64,
    ) -> Value {
        let mut claims = Map::new();
        let is_free = |name: &str| !CLAIMS.contains(&name);
        for (name, value) in metadata.iter().filter(|(name, _)| is_free(name)) {
            claims.insert(name.clone(), Value::String(value.clone()));
        }
        let fixed = json!({
            "iss": ISSUER,
            "aud": audience,
            // Java's library accepts no token from the future, and the clocks of machines differ.
            "iat": now.saturating_sub(LOGIN_ISSUED_EARLIER_SECS),
            "exp": self.expires,
            "jti": jti,
            "sid": self.sid,
            "auth_time": self.since,
            "username": self.username,
            "userId": self.user_id,
            "roles": roles,
        });
        if let Value::Object(fixed) = fixed {
            claims.extend(fixed);
        }
        if !self.revision.is_empty() {
            claims.insert("rev".to_owned(), Value::String(self.revision.clone()));
        }
        Value::Object(claims)
    }
}
