//! A user's record.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use argon2::{Argon2, PasswordHasher as _, password_hash::phc::PasswordHash};
use aws_lc_rs::digest::{SHA256, digest};
use hydra_runtime_wire::login::{CLAIMS, Login, is_role};
use serde::{Deserialize, Serialize};

use crate::limits::{MAX_PASSWORD_BYTES, MAX_USER_ENTRIES, MAX_USERNAME_BYTES, MIN_PASSWORD_CHARS};

/// What is kept about a user.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserRecord {
    /// The hash of the password, argon2id in the PHC string format.
    pub password: String,
    /// The roles, as services know them: in capitals, without `ROLE_` before them.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The user's number, `userId` in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// What else is known about the user: claims of the token.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// A user with the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) record: UserRecord,
}

/// Why a user can't be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUser {
    /// The name can't be one.
    #[error("a name has 1 to 200 bytes, without control characters and without spaces at its ends")]
    Name,
    /// A role can't be one.
    #[error(
        "the role `{0}` is empty, longer than 200 bytes, or contains spaces, commas or control characters"
    )]
    Role(String),
    /// There are too many roles or metadata.
    #[error("a user has at most 1,000 roles and 1,000 members of metadata")]
    TooMany,
    /// The metadata would overwrite a claim.
    #[error("`{0}` is a claim of each login, and can't be metadata")]
    Claim(String),
    /// The metadata can't be a claim.
    #[error("the metadata `{0}` has an empty name, or more than 1,000 bytes")]
    Metadata(String),
    /// The password is too short.
    #[error("a password has at least 8 characters")]
    Short,
    /// The password is too long.
    #[error("a password has at most 1,024 bytes")]
    Long,
    /// The hash is not one that can be checked.
    #[error("the password is not a hash of argon2: set it with `hydra user add`")]
    Hash,
    /// The platform's cryptography failed.
    #[error("the platform's cryptography can't hash a password")]
    Cryptography,
}

/// Checks a name.
///
/// # Errors
/// It can't be the name of a user.
pub(crate) fn check_name(name: &str) -> Result<(), BadUser> {
    let is_good = !name.is_empty()
        && name.len() <= MAX_USERNAME_BYTES
        && name.trim() == name
        && !name.chars().any(char::is_control);
    is_good.then_some(()).ok_or(BadUser::Name)
}

impl UserRecord {
    /// A record with the hash of a password, and nothing else.
    ///
    /// # Errors
    /// The password is too short or too long.
    pub fn with_password(password: &str) -> Result<Self, BadUser> {
        if password.chars().count() < MIN_PASSWORD_CHARS {
            return Err(BadUser::Short);
        }
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(BadUser::Long);
        }
        Ok(Self {
            password: hash(password).ok_or(BadUser::Cryptography)?,
            ..Self::default()
        })
    }

    /// Checks a record, except the name.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), BadUser> {
        if self.roles.len() > MAX_USER_ENTRIES || self.metadata.len() > MAX_USER_ENTRIES {
            return Err(BadUser::TooMany);
        }
        if let Some(role) = self.roles.iter().find(|role| !is_role(role)) {
            return Err(BadUser::Role(role.clone()));
        }
        if let Some(name) = self.metadata.keys().find(|name| CLAIMS.contains(&name.as_str())) {
            return Err(BadUser::Claim(name.clone()));
        }
        let is_long =
            |(name, value): &(&String, &String)| name.is_empty() || name.len() + value.len() > 1_000;
        if let Some((name, _)) = self.metadata.iter().find(is_long) {
            return Err(BadUser::Metadata(name.clone()));
        }
        let hash = PasswordHash::new(&self.password).map_err(|_| BadUser::Hash)?;
        let is_argon2 = hash.algorithm.as_str().starts_with("argon2");
        is_argon2.then_some(()).ok_or(BadUser::Hash)
    }

    /// Identifies the content of the record: a login ends when it changes.
    pub(crate) fn revision(&self) -> String {
        // A record can always be written as JSON.
        let text = serde_json::to_vec(self).unwrap_or_default();
        let hash = digest(&SHA256, &text);
        hash.as_ref()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// The hash of a password with argon2id and the parameters of its crate, which are those that OWASP recommends.
/// `None` only if the platform has no randomness.
pub(super) fn hash(password: &str) -> Option<String> {
    let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes()).ok()?;
    Some(hash.to_string())
}

impl User {
    /// A login of this user, in seconds since 1970.
    pub(crate) fn login(&self, sid: String, since: u64, expires: u64) -> Login {
        Login {
            sid,
            username: self.name.clone(),
            user_id: self.record.id,
            roles: self.record.roles.clone(),
            metadata: self.record.metadata.clone(),
            since,
            expires,
            revision: self.record.revision(),
        }
    }
}

impl std::fmt::Debug for UserRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRecord")
            .field("roles", &self.roles)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> UserRecord {
        UserRecord {
            password:
                "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                    .into(),
            roles: vec!["USER".into()],
            ..UserRecord::default()
        }
    }

    #[test]
    fn what_a_record_may_contain() {
        assert_eq!(record().check(), Ok(()));
        let with = |change: &dyn Fn(&mut UserRecord)| {
            let mut record = record();
            change(&mut record);
            record.check()
        };
        for (case, checked, expected) in [
            (
                "an empty role",
                with(&|user| user.roles.push(String::new())),
                BadUser::Role(String::new()),
            ),
            (
                "two roles in one",
                with(&|user| user.roles.push("A,B".into())),
                BadUser::Role("A,B".into()),
            ),
            (
                "a line",
                with(&|user| user.roles.push("A\nB".into())),
                BadUser::Role("A\nB".into()),
            ),
            (
                "many roles",
                with(&|user| user.roles = vec!["A".into(); 1_001]),
                BadUser::TooMany,
            ),
            (
                "plain text",
                with(&|user| user.password = "secret".into()),
                BadUser::Hash,
            ),
            (
                "no password",
                with(&|user| user.password = String::new()),
                BadUser::Hash,
            ),
            (
                "another hash",
                with(&|user| {
                    user.password = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".into()
                }),
                BadUser::Hash,
            ),
            (
                "long metadata",
                with(&|user| drop(user.metadata.insert("a".into(), "x".repeat(1_000)))),
                BadUser::Metadata("a".into()),
            ),
        ] {
            assert_eq!(checked, Err(expected), "{case}");
        }
        for name in CLAIMS {
            let checked = with(&|user| drop(user.metadata.insert(name.to_owned(), "x".into())));
            assert_eq!(checked, Err(BadUser::Claim(name.to_owned())));
        }
    }

    #[test]
    fn names_and_passwords_have_bounds() {
        for name in ["ann", "ann@shop.example", "Ann Smith", "žofie", &"x".repeat(200)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", " ann", "ann ", "a\nb", "a\0b", &"x".repeat(201)] {
            assert_eq!(check_name(name), Err(BadUser::Name), "{name:?}");
        }
        assert_eq!(UserRecord::with_password("1234567"), Err(BadUser::Short));
        assert_eq!(UserRecord::with_password(&"x".repeat(1_025)), Err(BadUser::Long));
        let record = UserRecord::with_password("12345678").expect("good");
        assert_eq!(record.check(), Ok(()));
        assert!(
            record.password.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            record.password
        );
        assert_ne!(
            UserRecord::with_password("12345678"),
            Ok(record.clone()),
            "each has a salt of its own"
        );
        assert!(!format!("{record:?}").contains("argon2"));
    }

    #[test]
    fn each_change_is_another_revision() {
        let changes: [&dyn Fn(&mut UserRecord); 4] = [
            &|user| user.roles.push("ADMIN".into()),
            &|user| user.password.push('A'),
            &|user| user.id = Some(7),
            &|user| drop(user.metadata.insert("email".into(), "a@b".into())),
        ];
        assert_eq!(record().revision(), record().revision());
        for change in changes {
            let mut other = record();
            change(&mut other);
            assert_ne!(other.revision(), record().revision());
        }
    }
}
