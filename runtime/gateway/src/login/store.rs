//! Where the configuration keeps the login keys.

use std::time::SystemTime;

use hydra_runtime_wire::{login::LoginKeyPair, signing::seconds};

use super::keys::{KeyFolder, KeyRecord, KeyStore, RedisKeys, RedisKeysConfig, next};
use crate::{
    GatewayConfig,
    config::{ConfigError, Secret, login::IN_REDIS},
};

/// A place for keys.
pub(super) enum Place {
    Folder(KeyFolder),
    Redis(Box<RedisKeys>),
}

/// The place that `login_keys` names. The settings were checked.
pub(super) fn of(config: &GatewayConfig, place: &str) -> Result<Place, ConfigError> {
    if place != IN_REDIS {
        return Ok(Place::Folder(KeyFolder::new(place.into())));
    }
    let redis = RedisKeys::new(RedisKeysConfig {
        url: config.redis.as_ref().map_or("", Secret::reveal),
        prefix: &config.redis_prefix,
        public_key: &config.public_key,
        private_key: config.private_key.as_ref().map_or("", Secret::reveal),
        second_private_key: config.second_private_key.as_ref().map(Secret::reveal),
    })?;
    Ok(Place::Redis(Box::new(redis)))
}

/// The login keys of an installation, for commands.
pub struct LoginKeyStore(Box<dyn KeyStore>);

impl LoginKeyStore {
    /// The keys that `login_keys` names.
    ///
    /// # Errors
    /// A setting has a wrong value, or there is no `login_keys`.
    pub fn of(config: &GatewayConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let place = config.login_keys.as_deref().ok_or_else(|| ConfigError::Login {
            key: "login_keys",
            reason: "it is not set: name the folder of the gateway's login keys, or `redis`".to_owned(),
        })?;
        Ok(Self(match of(config, place)? {
            Place::Folder(folder) => Box::new(folder),
            Place::Redis(redis) => redis,
        }))
    }

    /// The keys, oldest first.
    ///
    /// # Errors
    /// They can't be read. The error is a message for people.
    pub async fn records(&self) -> Result<Vec<KeyRecord>, String> {
        self.0.load().await
    }

    /// Makes the next key, which signs a minute later, or at once if it is the first. Returns its record.
    ///
    /// # Errors
    /// It can't be written, or another process made one at the same time. The error is a message for people.
    pub async fn rotate(&self) -> Result<KeyRecord, String> {
        let records = self.0.load().await?;
        let record = LoginKeyPair::generate()
            .and_then(|pair| next(&records, &pair, seconds(SystemTime::now())))
            .ok_or("the platform's cryptography can't make a key")?;
        match self.0.add(&record).await? {
            true => Ok(record),
            false => Err("another process made a key at the same time".to_owned()),
        }
    }
}

impl std::fmt::Debug for LoginKeyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginKeyStore").finish_non_exhaustive()
    }
}
