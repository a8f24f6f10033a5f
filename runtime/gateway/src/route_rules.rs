//! The settings of single routes, looked up for a request.
#![deny(clippy::disallowed_methods)]

use std::{collections::HashMap, net::IpAddr, num::NonZeroU32, time::Duration};

use hydra_runtime_wire::routes::RouteTable;

use crate::{
    config::{GatewayConfig, RouteRule},
    edge::{failure::RequestFailure, rate_limit::RateLimit},
};

/// All rules. The narrowest path that matches a request counts, then its service, then the gateway's own settings.
#[derive(Default)]
pub(crate) struct RouteRules {
    paths: RouteTable,
    rules: Vec<Rule>,
    /// The rules of services, by name.
    services: HashMap<String, Rule>,
    /// The limit on all requests of one client address.
    limit: Option<RateLimit>,
    /// Whether responses are compressed where no rule says otherwise.
    compress: bool,
}

/// One rule.
struct Rule {
    settings: RouteRule,
    limit: Option<RateLimit>,
}

/// The settings that hold for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RouteSettings {
    pub(crate) response_timeout: Duration,
    /// The longest body of the request. `None`: any.
    pub(crate) max_body: Option<u64>,
    pub(crate) compress: bool,
    /// The most connections in use to one instance of the service. `None`: any.
    pub(crate) instance_connections: Option<NonZeroU32>,
}

impl RouteRules {
    /// The rules of a checked configuration.
    pub(crate) fn new(config: &GatewayConfig) -> Self {
        let mut rules = Self {
            limit: config.rate.map(|rate| RateLimit::new(rate, config.burst)),
            compress: config.compress,
            ..Self::default()
        };
        for settings in &config.routes {
            let rule = Rule {
                limit: settings.rate.map(|rate| RateLimit::new(rate, settings.burst)),
                settings: settings.clone(),
            };
            match (&settings.path, &settings.service) {
                (Some(path), _) => rules.add_path(path, rule),
                (None, Some(service)) => _ = rules.services.insert(service.clone(), rule),
                (None, None) => {}
            }
        }
        rules
    }

    fn add_path(&mut self, path: &str, rule: Rule) {
        self.paths.insert_pattern(path, self.rules.len());
        self.rules.push(rule);
    }

    fn of_path(&self, path: &str) -> Option<&Rule> {
        if self.rules.is_empty() {
            return None;
        }
        self.rules.get(self.paths.number_of(path)?)
    }

    /// Whether requests are counted at all.
    pub(crate) fn has_limits(&self) -> bool {
        let mut rules = self.rules.iter().chain(self.services.values());
        self.limit.is_some() || rules.any(|rule| rule.limit.is_some())
    }

    /// Counts a request for a path from a client address. Rules of services are counted by [`RouteRules::admit_to`].
    pub(crate) fn admit(&self, path: &str, client: IpAddr) -> Result<(), RequestFailure> {
        let rule = self.of_path(path).and_then(|rule| rule.limit.as_ref());
        for limit in [self.limit.as_ref(), rule].into_iter().flatten() {
            limit.check(client).map_err(too_many)?;
        }
        Ok(())
    }

    /// Counts a request for a path that a service holds, unless the path has a limit of its own.
    pub(crate) fn admit_to(&self, service: &str, path: &str, client: IpAddr) -> Result<(), RequestFailure> {
        if self.of_path(path).is_some_and(|rule| rule.limit.is_some()) {
            return Ok(());
        }
        match self.services.get(service).and_then(|rule| rule.limit.as_ref()) {
            Some(limit) => limit.check(client).map_err(too_many),
            None => Ok(()),
        }
    }

    /// How long the answer of this path, which the service holds, may take to begin, if a rule says so.
    pub(crate) fn own_timeout(&self, path: &str, service: &str) -> Option<Duration> {
        first(&self.rules(path, service), |rule| rule.response_timeout)
    }

    /// The rules for a request of this path, which the service holds, the narrowest first.
    fn rules(&self, path: &str, service: &str) -> [Option<&Rule>; 2] {
        [self.of_path(path), self.services.get(service)]
    }

    /// The most connections in use to one instance of the service. `None`: any.
    pub(crate) fn instance_connections(&self, config: &GatewayConfig, service: &str) -> Option<NonZeroU32> {
        let rule = self.services.get(service);
        rule.and_then(|rule| rule.settings.instance_connections)
            .or(config.instance_connections)
    }

    /// The settings for a request of this path, which the service holds.
    pub(crate) fn settings(&self, config: &GatewayConfig, path: &str, service: &str) -> RouteSettings {
        let rules = self.rules(path, service);
        let max_body = first(&rules, |rule| rule.max_body).or(config.max_body);
        RouteSettings {
            response_timeout: first(&rules, |rule| rule.response_timeout).unwrap_or(config.response_timeout),
            max_body: max_body.map(|size| size.0 as u64),
            compress: first(&rules, |rule| rule.compress).unwrap_or(self.compress),
            instance_connections: first(&rules, |rule| rule.instance_connections)
                .or(config.instance_connections),
        }
    }

    /// Whether responses to requests of this path, which the service holds, are compressed.
    pub(crate) fn compresses(&self, path: &str, service: &str) -> bool {
        first(&self.rules(path, service), |rule| rule.compress).unwrap_or(self.compress)
    }
}

/// The first value that one of the rules states.
fn first<T>(rules: &[Option<&Rule>; 2], stated: impl Fn(&RouteRule) -> Option<T>) -> Option<T> {
    rules.iter().flatten().find_map(|rule| stated(&rule.settings))
}

/// The wait in whole seconds, rounded up.
fn too_many(wait: Duration) -> RequestFailure {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    RequestFailure::TooMany {
        seconds: u32::try_from(seconds).unwrap_or(u32::MAX).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> GatewayConfig {
        let config = GatewayConfig::from_toml(text).expect("good");
        config.check().expect("good");
        config
    }

    #[test]
    fn the_narrowest_path_counts_then_the_service_then_the_gateway() {
        let config = config(
            "response_timeout = '9s'\nmax_body = '9KB'\ninstance_connections = 9\n\
             [[route]]\npath = '/a/**'\nresponse_timeout = '1s'\n\
             [[route]]\npath = '/a/{id}/upload'\nmax_body = '2KB'\n\
             [[route]]\nservice = 's'\nresponse_timeout = '3s'\nmax_body = '3KB'\ncompress = true\n\
             instance_connections = 3\n\
             [[route]]\npath = '/plain'\ncompress = false\n",
        );
        let rules = RouteRules::new(&config);
        for (path, service, seconds, bytes, compress) in [
            ("/", "x", 9, 9_000, false),
            ("/a/b", "x", 1, 9_000, false),
            ("/a/b;v=1", "x", 1, 9_000, false),
            ("/a/7/upload", "x", 9, 2_000, false),
            ("/a/7/upload", "s", 3, 2_000, true),
            ("/other", "s", 3, 3_000, true),
            ("/plain", "s", 3, 3_000, false),
            ("/%61/b", "x", 1, 9_000, false),
        ] {
            let expected = RouteSettings {
                response_timeout: Duration::from_secs(seconds),
                max_body: Some(bytes),
                compress,
                instance_connections: NonZeroU32::new(if service == "s" { 3 } else { 9 }),
            };
            assert_eq!(
                rules.settings(&config, path, service),
                expected,
                "{path} {service}"
            );
        }
    }

    #[test]
    fn a_path_a_service_and_all_together_have_limits_of_their_own() {
        let config = config(
            "rate = '4/h'\n[[route]]\npath = '/sign-in'\nrate = '1/h'\n[[route]]\nservice = 's'\nrate = '2/h'\n",
        );
        let rules = RouteRules::new(&config);
        let client: IpAddr = "192.0.2.1".parse().expect("an address");
        let other: IpAddr = "192.0.2.2".parse().expect("an address");
        assert!(rules.has_limits());
        assert_eq!(rules.admit("/sign-in", client), Ok(()));
        assert!(matches!(
            rules.admit("/sign-in", client),
            Err(RequestFailure::TooMany { seconds: 3600 })
        ));
        assert_eq!(rules.admit("/sign-in", other), Ok(()));
        // The limit of the path stands for that of the service.
        for _ in 0..5 {
            assert_eq!(rules.admit_to("s", "/sign-in", client), Ok(()));
        }
        for is_allowed in [true, true, false] {
            assert_eq!(rules.admit_to("s", "/x", client).is_ok(), is_allowed);
        }
        assert_eq!(rules.admit_to("x", "/x", client), Ok(()));
        assert_eq!(rules.admit("/", client), Ok(()));
        assert_eq!(rules.admit("/", client), Ok(()));
        assert!(rules.admit("/", client).is_err(), "all requests together");
    }
}
