//! Checks settings against each other and against their ranges.
#![deny(clippy::disallowed_methods)]

use http::Uri;
use hydra_runtime_wire::{
    lines,
    names::{ServiceName, is_public_key},
};

use super::{
    ConfigError, GatewayConfig, Listeners, PinSameSite, Secret, forms, keys, login, openid, route,
    service_login,
};
use crate::{
    edge::response_headers,
    limits::{MIN_ADMIN_TOKEN_BYTES, MIN_REGISTRY_LIMIT_BYTES},
    stated_weights,
};

/// Whether a text is `http://host:port`.
fn is_inner_address(text: &str) -> bool {
    let authority = text.parse::<Uri>().ok().filter(|url| {
        url.scheme_str() == Some("http") && matches!(url.path(), "" | "/") && url.query().is_none()
    });
    let authority = authority.as_ref().and_then(Uri::authority);
    authority.is_some_and(|authority| {
        !authority.host().is_empty()
            && !authority.as_str().contains('@')
            && authority.port_u16().is_some_and(|port| port != 0)
    })
}

impl GatewayConfig {
    /// Whether visitors may come over https: to this gateway, or to a proxy that is trusted to say so.
    fn is_behind_tls(&self) -> bool {
        self.listen.has_tls() || !self.trusted_proxies.is_empty()
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !is_public_key(&self.public_key) {
            return Err(ConfigError::PublicKey);
        }
        let limits = [
            ("instance_limit", self.instance_limit),
            ("service_limit", self.service_limit),
            ("registry_limit", self.registry_limit),
        ];
        if let Some((name, _)) = limits
            .into_iter()
            .find(|(_, limit)| limit.0 < MIN_REGISTRY_LIMIT_BYTES)
        {
            return Err(ConfigError::Limit(name));
        }
        if self.instance_limit > self.service_limit || self.service_limit > self.registry_limit {
            return Err(ConfigError::RegistryLimits);
        }
        if self.max_connections == Some(0) {
            return Err(ConfigError::NoConnections);
        }
        for (service, weights) in &self.weights {
            stated_weights::check(service, weights).map_err(|bad| ConfigError::Weights {
                service: lines::cut(service).to_owned(),
                reason: bad.to_string(),
            })?;
        }
        if let Some(service) = self
            .affinity
            .keys()
            .find(|name| ServiceName::try_new(name).is_err())
        {
            return Err(ConfigError::Affinity(lines::cut(service).to_owned()));
        }
        if self.affinity_same_site == PinSameSite::None && !self.is_behind_tls() {
            return Err(ConfigError::SameSiteWithoutTls);
        }
        if self.steering_file.is_some() && self.redis.is_some() {
            let reason =
                "it is for one gateway without `redis`, which keeps weights and drains for all gateways";
            return Err(ConfigError::SteeringFile(reason.to_owned()));
        }
        let is_token = |token: &Secret| {
            let token = token.reveal();
            token.len() >= MIN_ADMIN_TOKEN_BYTES && token.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !self.admin_token.as_ref().is_none_or(is_token) {
            return Err(ConfigError::AdminToken);
        }
        if let Some(address) = &self.inner_address
            && !is_inner_address(address)
        {
            return Err(ConfigError::InnerAddress(lines::cut(address).to_owned()));
        }
        login::check(self)?;
        openid::check(self)?;
        service_login::check(self)?;
        self.check_response_headers()?;
        self.check_limits()?;
        self.listen.check(&self.trusted_proxies)?;
        let mut beyond = self.listen.beyond_this_machine();
        if let Some(listen) = &self.channel_listen {
            self.check_channel_listen(listen)?;
            beyond = beyond.or(listen.beyond_this_machine());
        }
        keys::check(self)?;
        match (&self.private_key, beyond) {
            (None, Some(address)) if !self.allow_unsigned => Err(ConfigError::Open(address)),
            _ => Ok(()),
        }
    }

    /// Checks the headers that responses get.
    pub(crate) fn check_response_headers(&self) -> Result<(), ConfigError> {
        let wrong = response_headers::wrong(&self.response_headers);
        wrong.map_or(Ok(()), |reason| Err(ConfigError::ResponseHeaders(reason)))
    }

    fn check_channel_listen(&self, listen: &Listeners) -> Result<(), ConfigError> {
        let wrong = |address, reason: &str| ConfigError::ChannelListen {
            address,
            reason: reason.to_owned(),
        };
        if !self.channel {
            return Err(wrong(listen.first(), "it needs `channel = true`"));
        }
        let others: Vec<_> = self.listen.iter().map(|listener| listener.address).collect();
        let addresses = listen.iter().map(|listener| listener.address);
        let mut taken = addresses.filter(|address| address.port() != 0 && others.contains(address));
        if let Some(address) = taken.next() {
            return Err(wrong(
                address,
                "`listen` names it too: HTTP and channels over TCP need different ports",
            ));
        }
        listen.check(&self.trusted_proxies).map_err(|error| match error {
            ConfigError::Listen { address, reason } => wrong(address, &reason),
            other => other,
        })
    }

    /// Checks the limits on requests.
    pub(crate) fn check_limits(&self) -> Result<(), ConfigError> {
        if self.burst.is_some() && self.rate.is_none() {
            return Err(ConfigError::Burst);
        }
        forms::check(self)?;
        route::check(&self.routes)
    }
}
