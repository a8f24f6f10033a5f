//! Checks the settings of the login.
#![deny(clippy::disallowed_methods)]

use std::time::Duration;

use hydra_runtime_wire::{lines, paths::reserved::is_reserved, routes::pattern};

use super::{ConfigError, GatewayConfig};
use crate::limits::{MAX_LOGIN_LIFE, MIN_LOGIN_IDLE, MIN_LOGIN_KEY_LIFE};

/// The value of `login_keys` for keys in Redis.
pub(crate) const IN_REDIS: &str = "redis";
/// How long a key signs: 90 days.
pub(super) const DEFAULT_KEY_LIFE: Duration = Duration::from_secs(90 * 24 * 3_600);
/// How long a visitor may do nothing.
pub(super) const DEFAULT_IDLE: Duration = Duration::from_secs(30 * 60);

/// How long a login lives, however active the visitor is.
pub(super) const DEFAULT_MAX: Duration = Duration::from_secs(12 * 3_600);

/// Checks the settings against each other.
pub(super) fn check(config: &GatewayConfig) -> Result<(), ConfigError> {
    let wrong = |key: &'static str, reason: &str| {
        Err(ConfigError::Login {
            key,
            reason: reason.to_owned(),
        })
    };
    match config.login_keys.as_deref() {
        None => {}
        Some("") => return wrong("login_keys", "name a folder, or `redis`"),
        Some(_) if !config.login_public_key.is_empty() => {
            return wrong(
                "login_keys",
                "either this gateway issues logins (`login_keys`), or another program does (`login_public_key`)",
            );
        }
        Some(IN_REDIS) if config.redis.is_none() => {
            return wrong("login_keys", "keys in Redis need `redis`");
        }
        Some(IN_REDIS) if config.private_key.is_none() => {
            return wrong(
                "login_keys",
                "keys in Redis are encrypted, which needs `private_key`",
            );
        }
        Some(place) if place != IN_REDIS && config.redis.is_some() => {
            return wrong(
                "login_keys",
                "gateways that share a Redis share their login keys as well: write \"redis\"",
            );
        }
        Some(_) => {}
    }
    if config
        .login_users
        .as_ref()
        .is_some_and(|path| path.as_os_str() == IN_REDIS)
    {
        if config.redis.is_none() {
            return wrong("login_users", "users in Redis need `redis`");
        }
        if config.private_key.is_none() {
            return wrong(
                "login_users",
                "users in Redis are encrypted, which needs `private_key`",
            );
        }
    }
    if config.login_users.is_some() && config.login_keys.is_none() {
        return wrong("login_users", "logins are signed: set `login_keys` too");
    }
    if config.login_page.is_some() && config.login_users.is_none() && config.openid.is_none() {
        return wrong(
            "login_page",
            "there is no login without `login_users` or `[openid]`",
        );
    }
    if !(config.login_idle..=MAX_LOGIN_LIFE).contains(&config.login_max) {
        return wrong("login_max", "write a duration from `login_idle` to 8784h");
    }
    for path in &config.cross_site {
        if is_reserved(path) {
            return wrong(
                "cross_site",
                &format!("`{}` belongs to the gateway", lines::cut(path)),
            );
        }
        if let Err(bad) = pattern::parse(path) {
            return wrong("cross_site", &format!("`{}`: {bad}", lines::cut(path)));
        }
    }
    if !(MIN_LOGIN_KEY_LIFE..=MAX_LOGIN_LIFE * 10).contains(&config.login_key_life) {
        return wrong("login_key_life", "write a duration from 1h to 87840h");
    }
    if !(MIN_LOGIN_IDLE..=MAX_LOGIN_LIFE).contains(&config.login_idle) {
        return wrong("login_idle", "write a duration from 60s to 8784h");
    }
    if config.login_idle > config.login_key_life {
        return wrong("login_key_life", "it must not be shorter than `login_idle`");
    }
    Ok(())
}
