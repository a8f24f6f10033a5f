//! `[keys]`: the keys of services that have their own.
#![deny(clippy::disallowed_methods)]

use hydra_runtime_wire::{lines, names::ServiceName, signing::GATEWAY};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{ConfigError, GatewayConfig, Secret};
use crate::limits::MIN_PRIVATE_KEY_BYTES;

/// The key of one service: a text, or a list of two while the key is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceKey {
    /// Signs the calls to the service, and verifies those that come from it.
    pub first: Secret,
    /// The next or the former key, which is valid too.
    pub second: Option<Secret>,
}

impl<'de> Deserialize<'de> for ServiceKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Keys {
            One(String),
            Two([String; 2]),
        }
        // The error of the deserializer would show the value.
        match Keys::deserialize(deserializer) {
            Ok(Keys::One(first)) => Ok(Self {
                first: Secret::new(first),
                second: None,
            }),
            Ok(Keys::Two([first, second])) => Ok(Self {
                first: Secret::new(first),
                second: Some(Secret::new(second)),
            }),
            Err(_) => Err(D::Error::custom(
                "the value must be a text in quotes, or a list of two while the key is changed",
            )),
        }
    }
}

/// Checks the private keys and those of services.
pub(super) fn check(config: &GatewayConfig) -> Result<(), ConfigError> {
    let is_short = |key: &Secret| key.reveal().len() < MIN_PRIVATE_KEY_BYTES;
    let common = [&config.private_key, &config.second_private_key];
    if common.into_iter().flatten().any(is_short) {
        return Err(ConfigError::PrivateKey);
    }
    if config.private_key.is_none() && (config.second_private_key.is_some() || !config.keys.is_empty()) {
        let key = if config.keys.is_empty() {
            "second_private_key"
        } else {
            "keys"
        };
        return Err(ConfigError::NoPrivateKey(key));
    }
    let mut known: Vec<&str> = common.into_iter().flatten().map(Secret::reveal).collect();
    for (service, key) in &config.keys {
        let wrong = |reason: &str| {
            Err(ConfigError::ServiceKey {
                service: lines::cut(service).to_owned(),
                reason: reason.to_owned(),
            })
        };
        if let Err(bad) = ServiceName::try_new(service) {
            return wrong(&bad.to_string());
        }
        if service == GATEWAY {
            return wrong("this is the name of the gateway in signed calls");
        }
        let keys = [Some(&key.first), key.second.as_ref()];
        if keys.into_iter().flatten().any(is_short) {
            return wrong("a key has at least 16 bytes");
        }
        let own = keys.into_iter().flatten().map(Secret::reveal);
        if own.clone().any(|key| known.contains(&key)) {
            return wrong("another service, or the installation, has the same key");
        }
        known.extend(own);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), String> {
        let config = GatewayConfig::from_toml(text).map_err(|error| error.to_string())?;
        config.check().map_err(|error| error.to_string())
    }

    #[test]
    fn keys_of_services_are_checked() {
        const COMMON: &str = "private_key = 'the common private key'\n";
        for (what, text, expected) in [
            ("one key", "[keys]\norders = 'the key of orders'", Ok(())),
            (
                "two keys",
                "[keys]\norders = ['the next key of orders', 'the key of orders']\nshop = 'the key of the shop'",
                Ok(()),
            ),
            (
                "the second private key",
                "second_private_key = 'the next private key'",
                Ok(()),
            ),
            ("a short key", "[keys]\norders = 'short'", Err("16 bytes")),
            (
                "a short second key",
                "[keys]\norders = ['the key of orders', 'short']",
                Err("16 bytes"),
            ),
            (
                "a short second private key",
                "second_private_key = 'short'",
                Err("16 bytes"),
            ),
            (
                "the key of another service",
                "[keys]\na = 'the key of a and b'\nb = 'the key of a and b'",
                Err("has the same key"),
            ),
            (
                "the key of the installation",
                "[keys]\na = 'the common private key'",
                Err("has the same key"),
            ),
            (
                "the gateway",
                "[keys]\nhydra = 'the key of hydra'",
                Err("name of the gateway"),
            ),
            ("no name", "[keys]\n'' = 'a key without a name'", Err("name")),
            (
                "three keys",
                "[keys]\norders = ['s3cret', 'b', 'c']",
                Err("list of two"),
            ),
            ("a number", "[keys]\norders = 1", Err("text in quotes")),
        ] {
            let checked = checked(&format!("{COMMON}{text}"));
            match (&checked, expected) {
                (Ok(()), Ok(())) => {}
                (Err(error), Err(part)) => {
                    assert!(
                        error.contains(part) && !error.contains("s3cret"),
                        "{what}: {error}"
                    );
                }
                _ => panic!("{what}: {checked:?}"),
            }
        }
        for text in [
            "[keys]\norders = 'the key of orders'",
            "second_private_key = 'another private key'",
        ] {
            let error = checked(text).expect_err(text);
            assert!(error.contains("needs `private_key`"), "{error}");
        }
    }
}
