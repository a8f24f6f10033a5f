//! The login of visitors (protocol section 5): keys and tokens.

mod keys;
mod private_file;
mod store;

use std::{sync::Arc, time::SystemTime};

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header::CACHE_CONTROL};
use hydra_runtime_wire::{login::LoginKeys, signing::seconds};
use serde_json::Value;

use crate::{
    Gateway, GatewayConfig,
    config::ConfigError,
    limits::LOGIN_REFRESH_PERIOD,
    registry::instance::{FragmentProtocol, Instance},
};
pub use keys::KeyRecord;
use keys::{KeyKeeper, KeyRing};
pub use store::LoginKeyStore;

/// The login of an installation.
pub(crate) struct Logins {
    keys: KeyKeeper,
}

impl Logins {
    /// `None`: the configuration has no login.
    pub(crate) fn new(config: &GatewayConfig) -> Result<Option<Self>, ConfigError> {
        let Some(place) = &config.login_keys else {
            return Ok(None);
        };
        let now = seconds(SystemTime::now());
        let (store, first): (Box<dyn keys::KeyStore>, _) = match store::of(config, place)? {
            store::Place::Redis(keys) => (keys, Vec::new()),
            store::Place::Folder(folder) => {
                let first = folder.ensure_first(now).map_err(ConfigError::LoginKeys)?;
                (Box::new(folder), first)
            }
        };
        let (life, overlap) = (config.login_key_life.as_secs(), config.login_idle.as_secs());
        let keys = KeyKeeper::new(store, &config.public_key, life, overlap);
        keys.install(&first, now);
        Ok(Some(Self { keys }))
    }

    /// The keys at present.
    pub(crate) fn ring(&self) -> Arc<KeyRing> {
        self.keys.ring()
    }

    /// Reads again what other processes change, for ever.
    pub(crate) async fn keep(&self) {
        let mut told = None;
        loop {
            let done = self.keys.refresh(seconds(SystemTime::now())).await;
            if let Err(reason) = &done
                && told.as_ref() != Some(reason)
            {
                tracing::warn!(reason, "the login keys can't be read again; the former ones stay");
            }
            told = done.err();
            tokio::time::sleep(LOGIN_REFRESH_PERIOD).await;
        }
    }
}

/// What a service gets to verify tokens with.
pub(crate) struct GivenKeys {
    /// The key that signs, as clients of protocol 1 read it.
    pub(crate) public_key: Option<String>,
    /// All keys that verify, for services of protocol 2.
    pub(crate) set: Value,
    /// Identifies what was given. `None`: there is no key.
    pub(crate) id: Option<Arc<str>>,
}

impl Gateway {
    /// What an instance that registers now gets to verify tokens with.
    pub(crate) fn keys_for(&self, speaks: &FragmentProtocol) -> GivenKeys {
        let Some(logins) = self.logins() else {
            let key = &self.config().login_public_key;
            return GivenKeys {
                public_key: Some(key.clone()).filter(|key| !key.is_empty()),
                set: self.external_login_keys().clone(),
                id: None,
            };
        };
        let ring = logins.ring();
        let signing = ring.signing(seconds(SystemTime::now()));
        // Protocol 1 knows one key, and must hear of a rotation when the next key begins to sign; protocol 2 knows all
        // keys, and hears of it when the next key is published.
        let id = match speaks {
            FragmentProtocol::Protocol2 => ring.newest(),
            _ => signing.map(|pair| pair.kid()),
        };
        GivenKeys {
            public_key: signing.map(|pair| pair.public_key().to_owned()),
            set: ring.set().clone(),
            id: id.map(Arc::from),
        }
    }

    /// Whether an instance must register again, because it does not know the key that signs now, or will sign next.
    pub(crate) fn has_old_keys(&self, instance: &Instance) -> bool {
        if self.logins().is_none() {
            return false;
        }
        let id = self.keys_for(&instance.fragment_protocol).id;
        id.is_some() && id != instance.login_key
    }
}

/// The key set of a gateway that issues no tokens itself.
pub(crate) fn external_keys(public_key: &str) -> Value {
    let set = LoginKeys::set_of(public_key);
    if !public_key.is_empty() && set["keys"] == Value::Array(Vec::new()) {
        tracing::warn!("`login_public_key` is not a readable RSA key: services get no key set");
    }
    set
}

/// The response to `GET /.well-known/jwks.json`: the keys that verify login tokens (RFC 7517 section 5). `None`: this
/// gateway issues no logins, and the path is one like others.
pub(crate) fn key_set(gateway: &Gateway) -> Option<Response> {
    let ring = gateway.logins()?.ring();
    if ring.verifying().is_empty() {
        // The keys were not read from Redis yet.
        return Some(StatusCode::SERVICE_UNAVAILABLE.into_response());
    }
    let mut response = Json(ring.set()).into_response();
    // A new key is published a minute before it signs.
    let caching = HeaderValue::from_static("public, max-age=30");
    response.headers_mut().insert(CACHE_CONTROL, caching);
    Some(response)
}
