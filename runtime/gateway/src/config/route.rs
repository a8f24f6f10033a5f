//! `[[route]]`: settings of single paths or services.

use std::{collections::BTreeSet, num::NonZeroU32, time::Duration};

use hydra_runtime_net::duration;
use hydra_runtime_wire::{paths::reserved::is_reserved, routes::pattern};
use serde::{Deserialize, Deserializer};

use super::{Bytes, ConfigError};
pub use crate::edge::rate_limit::Rate;
use crate::limits::MAX_ROUTE_RULES;

/// Settings of the paths that a pattern matches, or of all paths of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RouteRule {
    /// A path pattern. `{name}` and `*` match one segment or a part of one; `**`, as the last segment, matches the rest.
    pub path: Option<String>,
    /// The name of a service, instead of `path`.
    pub service: Option<String>,
    /// How long the service may take until its response begins. Default: `response_timeout` of the gateway.
    #[serde(deserialize_with = "optional_duration")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Duration>"))]
    pub response_timeout: Option<Duration>,
    /// The longest body of a request. Default: `max_body` of the gateway.
    pub max_body: Option<Bytes>,
    /// How many requests one client address may make: `10/s`, `600/m` or `5000/h`.
    pub rate: Option<Rate>,
    /// How many requests may come at once. Default: the number of `rate`.
    pub burst: Option<NonZeroU32>,
    /// Whether responses are compressed. Default: `compress` of the gateway.
    pub compress: Option<bool>,
    /// The most requests, calls for fragments and WebSockets at one instance of the service at a time. Default:
    /// `instance_connections` of the gateway.
    pub instance_connections: Option<NonZeroU32>,
}

fn optional_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration::setting(deserializer).map(Some)
}

/// Checks all rules.
pub(super) fn check(rules: &[RouteRule]) -> Result<(), ConfigError> {
    let wrong = |rule: &RouteRule, reason: String| ConfigError::Route {
        route: rule
            .path
            .clone()
            .or_else(|| rule.service.clone())
            .unwrap_or_default(),
        reason,
    };
    if let Some(rule) = rules.get(MAX_ROUTE_RULES) {
        return Err(wrong(
            rule,
            format!("there are more than {MAX_ROUTE_RULES} routes"),
        ));
    }
    let mut known = BTreeSet::new();
    for rule in rules {
        let name = match (&rule.path, &rule.service) {
            (Some(path), None) => {
                if is_reserved(path) {
                    return Err(wrong(rule, "the path belongs to the gateway".to_owned()));
                }
                let segments = pattern::parse(path).map_err(|bad| wrong(rule, bad.to_string()))?;
                pattern::key(&segments)
            }
            (None, Some(service)) => format!("service {service}"),
            _ => {
                return Err(wrong(rule, "a route has either `path` or `service`".to_owned()));
            }
        };
        if !known.insert(name) {
            return Err(wrong(rule, "there are two routes for this".to_owned()));
        }
        if rule.burst.is_some() && rule.rate.is_none() {
            return Err(wrong(rule, "`burst` needs `rate`".to_owned()));
        }
        if rule.instance_connections.is_some() && rule.service.is_none() {
            return Err(wrong(rule, "`instance_connections` needs `service`".to_owned()));
        }
    }
    Ok(())
}
