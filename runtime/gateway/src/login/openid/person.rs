//! Who a user is, from what a provider says.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use hydra_runtime_wire::login::{CLAIMS, Login, is_role};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id_token::Claims;
use crate::{config::openid::OpenIdProvider, limits::MAX_USER_ENTRIES, login::users::check_name};

/// The longest name and value of metadata together.
const MAX_METADATA_BYTES: usize = 1_000;

/// A user as a provider describes one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Person {
    /// Identifies the user at the provider.
    pub(super) subject: String,
    pub(super) name: String,
    pub(super) roles: Vec<String>,
    pub(super) metadata: BTreeMap<String, String>,
}

/// Whether claims lack the name or the groups, which the provider may say elsewhere.
pub(super) fn is_incomplete(claims: &Claims, provider: &OpenIdProvider) -> bool {
    let lacks = |name: &str| find(claims, name).is_none();
    lacks(&provider.username) || lacks(&provider.groups)
}

impl Person {
    /// The user of these claims, which were checked.
    ///
    /// # Errors
    /// The name can't be one.
    pub(super) fn of(claims: &Claims, provider: &OpenIdProvider) -> Result<Self, String> {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        let name = match find(claims, &provider.username) {
            Some(Value::String(name)) => name,
            None => subject,
            Some(_) => return Err(format!("the claim `{}` is not a text", provider.username)),
        };
        if provider.username == "email" && claims.get("email_verified") == Some(&Value::Bool(false)) {
            return Err("the claim `email` is an address that the provider has not verified".to_owned());
        }
        check_name(name).map_err(|bad| format!("the claim `{}` is not a name: {bad}", provider.username))?;
        let metadata = provider.metadata.iter().filter_map(|claim| {
            let value = claims.get(claim)?.as_str()?;
            let is_good =
                !CLAIMS.contains(&claim.as_str()) && claim.len() + value.len() <= MAX_METADATA_BYTES;
            is_good.then(|| (claim.clone(), value.to_owned()))
        });
        Ok(Self {
            subject: subject.to_owned(),
            name: name.to_owned(),
            roles: roles(find(claims, &provider.groups), &provider.roles),
            metadata: metadata.collect(),
        })
    }

    /// A login of this user. The times are in seconds since 1970.
    pub(super) fn login(&self, sid: String, since: u64, expires: u64, revision: &str) -> Login {
        Login {
            sid,
            username: self.name.clone(),
            user_id: None,
            roles: self.roles.clone(),
            metadata: self.metadata.clone(),
            since,
            expires,
            revision: revision.to_owned(),
        }
    }
}

/// A claim of this name, or else the value to which the dots of the name lead.
fn find<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    rest.split('.')
        .try_fold(claims.get(first)?, |value, part| value.get(part))
}

/// The roles of groups: a list, or one text. Without a table, a group is a role, if it can be one.
fn roles(groups: Option<&Value>, table: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let groups: Vec<&str> = match groups {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut roles: Vec<String> = Vec::new();
    let of_groups = groups.into_iter().flat_map(|group| match table.get(group) {
        Some(roles) => roles.clone(),
        None if table.is_empty() && is_role(group) => vec![group.to_owned()],
        None => Vec::new(),
    });
    for role in of_groups {
        if roles.len() < MAX_USER_ENTRIES && !roles.contains(&role) {
            roles.push(role);
        }
    }
    roles
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn provider() -> OpenIdProvider {
        OpenIdProvider::new("https://login.example", "hydra")
    }

    fn of(claims: Value, provider: &OpenIdProvider) -> Result<Person, String> {
        let Value::Object(claims) = claims else {
            panic!("an object")
        };
        Person::of(&claims, provider)
    }

    #[test]
    fn groups_become_roles() {
        let mapped = |roles: &[(&str, &[&str])]| OpenIdProvider {
            roles: roles
                .iter()
                .map(|(group, roles)| {
                    (
                        (*group).to_owned(),
                        roles.iter().map(|role| (*role).to_owned()).collect(),
                    )
                })
                .collect(),
            ..provider()
        };
        let table = mapped(&[("shop admins", &["ADMIN", "USER"]), ("staff", &["USER"])]);
        for (case, groups, provider, expected) in [
            ("as they are", json!(["A", "B"]), provider(), vec!["A", "B"]),
            ("one text", json!("A"), provider(), vec!["A"]),
            ("twice", json!(["A", "A"]), provider(), vec!["A"]),
            (
                "of other types",
                json!(["A", 7, null, {"B": 1}]),
                provider(),
                vec!["A"],
            ),
            (
                "that can't be roles",
                json!(["A,B", "A B", "", "A\n"]),
                provider(),
                vec![],
            ),
            ("no list", json!({"A": true}), provider(), vec![]),
            ("none", Value::Null, provider(), vec![]),
            (
                "by a table",
                json!(["staff", "shop admins", "ADMIN", "HYDRA-OPERATOR"]),
                table,
                vec!["USER", "ADMIN"],
            ),
        ] {
            let person = of(json!({"sub": "7", "groups": groups}), &provider).expect(case);
            assert_eq!(person.roles, expected, "{case}");
        }
        let many: Vec<String> = (0..5_000).map(|n| format!("G{n}")).collect();
        let person = of(json!({"sub": "7", "groups": many}), &provider()).expect("good");
        assert_eq!(person.roles.len(), MAX_USER_ENTRIES);
    }

    #[test]
    fn claims_may_lie_deeper() {
        let provider = OpenIdProvider {
            groups: "realm_access.roles".into(),
            username: "https://shop.example/name".into(),
            ..provider()
        };
        let claims =
            json!({"sub": "7", "https://shop.example/name": "ann", "realm_access": {"roles": ["A"]}});
        let person = of(claims, &provider).expect("good");
        assert_eq!((person.name, person.roles), ("ann".into(), vec!["A".into()]));
    }

    #[test]
    fn names_and_metadata() {
        let claims = json!({"sub": "7", "preferred_username": "ann", "name": "Ann", "email": 7, "roles": "ADMIN",
            "picture": "x"});
        let person = of(claims, &provider()).expect("good");
        assert_eq!(person.name, "ann");
        assert_eq!(person.metadata, BTreeMap::from([("name".into(), "Ann".into())]));
        assert!(person.roles.is_empty());
        assert_eq!(of(json!({"sub": "7"}), &provider()).expect("good").name, "7");
        for name in [
            json!(""),
            json!(" ann"),
            json!("a\nb"),
            json!("x".repeat(201)),
            json!(7),
            json!(["ann"]),
        ] {
            let claims = json!({"sub": "7", "preferred_username": name});
            assert!(of(claims, &provider()).is_err(), "{name}");
        }
        let long = json!({"sub": "7", "name": "x".repeat(1_000)});
        assert!(of(long, &provider()).expect("good").metadata.is_empty());
    }
}
