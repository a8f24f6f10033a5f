//! How services with logins of their own hear who the visitor is, and how roles are called at services.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, HashSet};

use http::HeaderName;
use hydra_runtime_wire::login::is_role;
use serde::Deserialize;

use super::{ConfigError, GatewayConfig};

/// How a plain service hears who the visitor is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "by", rename_all = "lowercase", deny_unknown_fields)]
pub enum ServiceLogin {
    /// By headers with the name and the roles of the user.
    Headers {
        /// The header with the user's name.
        #[serde(default = "default_user")]
        user: String,
        /// The header with the user's roles, with commas between them.
        #[serde(default = "default_roles")]
        roles: String,
    },
    /// By a token in `Authorization`.
    Token {
        /// The audience of the token. Default: the name of the service.
        #[serde(default)]
        audience: Option<String>,
    },
}

fn default_user() -> String {
    "X-Remote-User".to_owned()
}

fn default_roles() -> String {
    "X-Remote-Roles".to_owned()
}

/// How a role is called at some services.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RoleMapping {
    /// The role of the login.
    pub role: String,
    /// What the services see instead.
    pub target: String,
    /// The names of the services, in which `*` stands for any text.
    pub services: Vec<String>,
}

/// The names of roles at a service, by role. The first mapping of a role counts.
pub(crate) fn roles_at(mappings: &[RoleMapping], service: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for mapping in mappings {
        if mapping.services.iter().any(|pattern| matches(pattern, service)) {
            found
                .entry(mapping.role.clone())
                .or_insert_with(|| mapping.target.clone());
        }
    }
    found
}

/// Whether a name matches a pattern as a whole.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Checks the settings.
pub(super) fn check(config: &GatewayConfig) -> Result<(), ConfigError> {
    for mapping in &config.roles {
        let RoleMapping {
            role,
            target,
            services,
        } = mapping;
        if !is_role(role) || !is_role(target) || services.is_empty() {
            return Err(ConfigError::Login {
                key: "role",
                reason: format!(
                    "`{}`: a role and its `target` have 1 to 200 bytes, without spaces, commas and control characters, and there \
                     is at least one service",
                    role.escape_debug()
                ),
            });
        }
    }
    let is_taken = |service: &super::PlainService| service.login.is_some() && config.login_keys.is_none();
    for service in &config.services {
        let reason = match &service.login {
            _ if is_taken(service) => "`login`: logins are signed: set `login_keys` too".to_owned(),
            Some(ServiceLogin::Headers { user, roles }) => match wrong_headers(user, roles) {
                Some(reason) => format!("`login`: {reason}"),
                None => continue,
            },
            Some(ServiceLogin::Token { audience: Some(text) })
                if text.is_empty() || text.len() > 200 || text.chars().any(char::is_control) =>
            {
                "`login`: `audience` has 1 to 200 bytes, without control characters".to_owned()
            }
            _ => continue,
        };
        return Err(ConfigError::Service {
            name: service.name.clone(),
            reason,
        });
    }
    Ok(())
}

/// Why the names of headers can't be used.
fn wrong_headers(user: &str, roles: &str) -> Option<String> {
    let names: HashSet<String> = [user, roles].map(str::to_ascii_lowercase).into();
    if names.len() < 2 {
        return Some("`user` and `roles` must be two headers".to_owned());
    }
    let is_good = |name: &&str| {
        let name = name.to_ascii_lowercase();
        HeaderName::try_from(&name).is_ok()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !crate::edge::headers::is_of_http(&name)
    };
    let bad = [user, roles].into_iter().find(|name| !is_good(name))?;
    Some(format!(
        "`{}` can't be the name of a header for this: it has letters, digits and `-`, and no meaning of its own in HTTP or for the gateway",
        bad.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_the_whole_name() {
        for (pattern, name, expected) in [
            ("orderService", "orderService", true),
            ("order*", "orderService", true),
            ("*Service", "orderService", true),
            ("*", "orderService", true),
            ("o*S*e", "orderService", true),
            ("order", "orderService", false),
            ("Service", "orderService", false),
            ("*order", "orderService", false),
            ("orderService*x", "orderService", false),
            ("ab*ba", "aba", false),
            ("", "orderService", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern}");
        }
        let mapping = |role: &str, target: &str, service: &str| RoleMapping {
            role: role.into(),
            target: target.into(),
            services: vec!["other".into(), service.into()],
        };
        let all = [
            mapping("MANAGER", "ADMIN", "order*"),
            mapping("MANAGER", "USER", "*"),
            mapping("CLERK", "USER", "shop"),
        ];
        let found = roles_at(&all, "orderService");
        assert_eq!(found, BTreeMap::from([("MANAGER".into(), "ADMIN".into())]));
        assert_eq!(roles_at(&all, "shop").len(), 2);
    }

    #[test]
    fn names_of_headers_that_mean_something_else_are_refused() {
        for (user, roles, expected) in [
            ("X-Remote-User", "X-Remote-Roles", true),
            ("X-WebAuth-User", "Remote-Groups", true),
            ("X-User", "x-user", false),
            ("Cookie", "X-Roles", false),
            ("X-User", "Content-Length", false),
            ("Connection", "X-Roles", false),
            ("Host", "X-Roles", false),
            ("X-Forwarded-For", "X-Roles", false),
            ("Hydra-Path", "X-Roles", false),
            ("X_User", "X-Roles", false),
            ("", "X-Roles", false),
            ("X User", "X-Roles", false),
        ] {
            assert_eq!(wrong_headers(user, roles).is_none(), expected, "{user}, {roles}");
        }
    }
}
