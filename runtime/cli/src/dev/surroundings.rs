//! What the programs of services find around them: the gateway, and their environment.

use std::{env, process::Command};

use hydra_runtime_gateway::{Gateway, GatewayConfig};

/// The gateway of the services, and what they are told of it.
pub(super) struct Surroundings {
    /// Where services reach the gateway: `http://host:port`.
    pub(super) gateway: String,
    /// The gateway, if it runs in this process.
    pub(super) here: Option<Gateway>,
    environment: Vec<(&'static str, String)>,
}

/// Settings of the process `hydra dev`, which are not those of its services.
const OWN: [&str; 9] = [
    "HYDRA_CONFIG",
    "HYDRA_ADMIN_LISTEN",
    "HYDRA_ADMIN_TOKEN",
    "HYDRA_ACCESS_LOG",
    "HYDRA_REDIS",
    "HYDRA_CHANNEL_LISTEN",
    "HYDRA_INNER_ADDRESS",
    "HYDRA_NAME",
    "HYDRA_DEV_SOCKET",
];

/// Settings for services whose variables are not set.
const USUAL: [(&str, &str); 4] = [
    // The gateway notices at once that a service has ended.
    ("HYDRA_CHANNEL", "true"),
    ("HYDRA_LOG_FORMAT", "pretty"),
    // A service that is started anew does not let the page wait for idle connections of the former one.
    ("HYDRA_STOP_GRACE", "10ms"),
    ("HYDRA_STOP_TIMEOUT", "2s"),
];

impl Surroundings {
    pub(super) fn new(gateway: String, here: Option<Gateway>, config: &GatewayConfig) -> Self {
        let mut environment = vec![
            // Any free port: services of one folder don't take each other's.
            ("HYDRA_LISTEN", "127.0.0.1:0".to_owned()),
            ("HYDRA_GATEWAY", gateway.clone()),
            ("HYDRA_PUBLIC_KEY", config.public_key.clone()),
        ];
        // With keys of their own, services state theirs.
        if let Some(key) = config.private_key.as_ref().filter(|_| config.keys.is_empty()) {
            environment.push(("HYDRA_PRIVATE_KEY", key.reveal().to_owned()));
        }
        Self {
            gateway,
            here,
            environment,
        }
    }

    /// Gives a program its environment.
    pub(super) fn apply(&self, command: &mut Command) {
        for name in OWN {
            command.env_remove(name);
        }
        let unset = USUAL.iter().filter(|(name, _)| env::var_os(name).is_none());
        command
            .envs(unset.copied())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    /// Whether the service at an address, `http://host:port`, is registered. Another gateway does not tell, so there it counts as
    /// registered.
    pub(super) fn is_registered(&self, address: &str) -> bool {
        let authority = address
            .split_once("://")
            .map_or(address, |(_, authority)| authority);
        self.here
            .as_ref()
            .is_none_or(|gateway| gateway.has_instance_at(authority))
    }
}
