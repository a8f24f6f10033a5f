//! Checks settings against each other and against their ranges.
#![deny(clippy::disallowed_methods)]

use hydra_runtime_wire::names::is_public_key;

use super::{ConfigError, GatewayConfig};
use crate::limits::{MIN_PRIVATE_KEY_BYTES, MIN_REGISTRY_LIMIT_BYTES};

impl GatewayConfig {
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
        match &self.private_key {
            Some(key) if key.reveal().len() < MIN_PRIVATE_KEY_BYTES => Err(ConfigError::PrivateKey),
            None if !self.allow_unsigned && !self.listen.ip().to_canonical().is_loopback() => {
                Err(ConfigError::Open(self.listen))
            }
            _ => Ok(()),
        }
    }
}
