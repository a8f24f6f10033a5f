//! The users of an installation, for commands.

use std::collections::BTreeMap;

use super::{UserFile, UserRecord, Users, file::FileUsers, redis::RedisUsers};
use crate::{
    GatewayConfig,
    config::{ConfigError, login::IN_REDIS},
};

/// The users of an installation, where its settings keep them: in a file or in Redis.
pub struct UserStore(Place);

enum Place {
    File(UserFile),
    Redis(Box<RedisUsers>),
}

impl UserStore {
    /// The users that `login_users` names: a file, or `redis`. If only `redis` is set, they are there.
    ///
    /// # Errors
    /// The settings name no users, or have a wrong value.
    pub fn of(config: &GatewayConfig) -> Result<Self, ConfigError> {
        let is_redis = match &config.login_users {
            Some(path) => path.as_os_str() == IN_REDIS,
            None => config.redis.is_some(),
        };
        if is_redis {
            return Ok(Self(Place::Redis(Box::new(RedisUsers::new(config)?))));
        }
        let path = config.login_users.clone().ok_or_else(|| ConfigError::Login {
            key: "login_users",
            reason: "it is not set: name the file of users, or `redis`, with --login-users or in the file of --config".to_owned(),
        })?;
        Ok(Self(Place::File(UserFile::new(path))))
    }

    /// The users by name.
    ///
    /// # Errors
    /// They can't be read. The error is a message for people.
    pub async fn users(&self) -> Result<BTreeMap<String, UserRecord>, String> {
        match &self.0 {
            Place::File(file) => file.users(),
            Place::Redis(redis) => redis.users().await,
        }
    }

    /// Changes the users. Other commands that change them at the same time lose nothing.
    ///
    /// # Errors
    /// They can't be read or written, or `change` refuses. Then nothing has changed.
    pub async fn change<T>(
        &self,
        change: impl Fn(&mut BTreeMap<String, UserRecord>) -> Result<T, String>,
    ) -> Result<T, String> {
        match &self.0 {
            Place::File(file) => file.change(change),
            Place::Redis(redis) => redis.change(change).await,
        }
    }
}

/// The users of the settings for a running gateway. `None`: they name none.
pub(crate) fn running(config: &GatewayConfig) -> Result<Option<Box<dyn Users>>, ConfigError> {
    let Some(path) = &config.login_users else {
        return Ok(None);
    };
    if path.as_os_str() == IN_REDIS {
        return Ok(Some(Box::new(RedisUsers::new(config)?)));
    }
    let users = FileUsers::new(UserFile::new(path.clone()));
    let users = users.map_err(|reason| ConfigError::Login {
        key: "login_users",
        reason,
    })?;
    Ok(Some(Box::new(users)))
}

impl std::fmt::Debug for UserStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserStore").finish_non_exhaustive()
    }
}
