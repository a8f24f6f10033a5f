//! The settings of an OpenID provider.
#![deny(clippy::disallowed_methods)]

use std::{collections::BTreeMap, path::PathBuf};

use hydra_runtime_wire::login::{CLAIMS, is_role};
use serde::Deserialize;
use url::{Host, Url};

use super::{ConfigError, GatewayConfig, Secret};

/// A provider of OpenID Connect that logs visitors in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenIdProvider {
    /// The address of the provider, exactly as it calls itself. What it says about itself stands below, at
    /// `/.well-known/openid-configuration`.
    pub issuer: String,
    /// The name of this gateway at the provider.
    pub client_id: String,
    /// The password of this gateway at the provider. Default: none, as for public clients.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// The provider's name on the login page.
    #[serde(default = "default_name")]
    pub name: String,
    /// What the gateway wants to know about users, beside `openid`.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// The claim with the user's name. A user without it has the name in `sub`.
    #[serde(default = "default_username")]
    pub username: String,
    /// The claim with the user's groups. Dots lead into objects.
    #[serde(default = "default_groups")]
    pub groups: String,
    /// The roles of each group. Default: each group is a role.
    #[serde(default)]
    pub roles: BTreeMap<String, Vec<String>>,
    /// The claims that services find in the token, if they are texts.
    #[serde(default = "default_metadata")]
    pub metadata: Vec<String>,
    /// The PEM file with the certificate authorities of the provider. Default: those of the system.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Whether `/logout` leads to the provider, which logs the user out there too.
    #[serde(default = "default_logout")]
    pub logout: bool,
}

fn default_name() -> String {
    "OpenID".to_owned()
}

fn default_scopes() -> Vec<String> {
    ["profile", "email"].map(str::to_owned).to_vec()
}

fn default_username() -> String {
    "preferred_username".to_owned()
}

fn default_groups() -> String {
    "groups".to_owned()
}

fn default_metadata() -> Vec<String> {
    ["name", "email"].map(str::to_owned).to_vec()
}

fn default_logout() -> bool {
    true
}

impl OpenIdProvider {
    /// A provider with the defaults of all settings that have one.
    #[must_use]
    pub fn new(issuer: &str, client_id: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            client_secret: None,
            name: default_name(),
            scopes: default_scopes(),
            username: default_username(),
            groups: default_groups(),
            roles: BTreeMap::new(),
            metadata: default_metadata(),
            ca: None,
            logout: default_logout(),
        }
    }
}

/// Whether a provider's address may be used: https, or http on this machine.
pub(crate) fn is_safe(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => return false,
    };
    let has_user = !url.username().is_empty() || url.password().is_some();
    !has_user && (url.scheme() == "https" || (url.scheme() == "http" && is_here))
}

/// Checks the settings.
pub(super) fn check(config: &GatewayConfig) -> Result<(), ConfigError> {
    let Some(provider) = &config.openid else {
        return Ok(());
    };
    wrong(config, provider).map_or(Ok(()), |reason| {
        Err(ConfigError::Login {
            key: "openid",
            reason,
        })
    })
}

fn wrong(config: &GatewayConfig, provider: &OpenIdProvider) -> Option<String> {
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let is_text = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
    if config.login_keys.is_none() {
        return Some("logins are signed: set `login_keys` too".to_owned());
    }
    let issuer = Url::parse(&provider.issuer).ok().filter(is_safe);
    if !issuer.is_some_and(|url| url.query().is_none() && url.fragment().is_none()) {
        return Some(
            "`issuer` must be an https address without `?` and `#`; http is for providers on this machine"
                .to_owned(),
        );
    }
    if !is_word(&provider.client_id) {
        return Some("`client_id` must have visible ASCII characters only".to_owned());
    }
    if provider
        .client_secret
        .as_ref()
        .is_some_and(|secret| !is_text(secret.reveal()))
    {
        return Some("`client_secret` is empty, or contains control characters".to_owned());
    }
    if !is_text(&provider.name) || provider.name.len() > 100 {
        return Some("`name` must have 1 to 100 bytes, without control characters".to_owned());
    }
    if !provider.scopes.iter().all(|scope| is_word(scope)) {
        return Some("`scopes` must be words".to_owned());
    }
    for (key, claim) in [("username", &provider.username), ("groups", &provider.groups)] {
        if !is_text(claim) {
            return Some(format!("`{key}` must name a claim"));
        }
    }
    if let Some(claim) = provider
        .metadata
        .iter()
        .find(|claim| !is_text(claim) || CLAIMS.contains(&claim.as_str()))
    {
        return Some(format!(
            "`metadata`: `{}` is a claim of each login, or empty",
            claim.escape_debug()
        ));
    }
    let role = provider.roles.values().flatten().find(|role| !is_role(role))?;
    Some(format!(
        "`roles`: `{}` is empty, longer than 200 bytes, or contains spaces, commas or control characters",
        role.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(change: impl FnOnce(&mut OpenIdProvider)) -> Result<(), ConfigError> {
        let mut provider = OpenIdProvider::new("https://login.example/realms/shop", "hydra");
        change(&mut provider);
        let config = GatewayConfig {
            login_keys: Some("keys".into()),
            openid: Some(provider),
            ..GatewayConfig::default()
        };
        check(&config)
    }

    #[test]
    fn a_provider_is_reached_over_https_or_on_this_machine() {
        for (issuer, expected) in [
            ("https://login.example", true),
            ("https://login.example:8443/realms/shop", true),
            ("http://127.0.0.1:3000", true),
            ("http://[::1]:3000", true),
            ("http://localhost:3000/x", true),
            ("http://login.example", false),
            ("http://localhost.evil.example", false),
            ("ftp://login.example", false),
            ("https://ann:secret@login.example", false),
            ("https://login.example?x", false),
            ("https://login.example#x", false),
            ("login.example", false),
            ("", false),
        ] {
            let found = checked(|provider| issuer.clone_into(&mut provider.issuer));
            assert_eq!(found.is_ok(), expected, "{issuer}");
        }
    }

    #[test]
    fn what_the_settings_may_say() {
        assert_eq!(checked(|_| ()), Ok(()));
        type Change = fn(&mut OpenIdProvider);
        let changes: [(&str, Change); 9] = [
            ("`client_id`", |provider| provider.client_id = "a b".into()),
            ("`client_secret`", |provider| {
                provider.client_secret = Some(Secret::new(String::new()));
            }),
            ("`name`", |provider| provider.name = "a\nb".into()),
            ("`scopes`", |provider| provider.scopes = vec!["a b".into()]),
            ("`username`", |provider| provider.username.clear()),
            ("`groups`", |provider| provider.groups.clear()),
            ("`metadata`", |provider| provider.metadata = vec!["roles".into()]),
            ("`metadata`", |provider| provider.metadata = vec!["nonce".into()]),
            ("`roles`", |provider| {
                provider.roles = BTreeMap::from([("a".into(), vec!["A,B".into()])]);
            }),
        ];
        for (expected, change) in changes {
            let error = checked(change).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
        let config = GatewayConfig {
            openid: Some(OpenIdProvider::new("https://login.example", "hydra")),
            ..GatewayConfig::default()
        };
        assert!(
            check(&config)
                .expect_err("no keys")
                .to_string()
                .contains("login_keys")
        );
    }
}
