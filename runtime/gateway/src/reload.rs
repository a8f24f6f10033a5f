//! New settings for a running gateway: requests that have begun end with the former ones.

use std::sync::Arc;

use crate::{
    ConfigError, Gateway, GatewayConfig, Settings, Shared, new_pool,
    registry::configured::{self, ConfiguredService},
    upstream::probes,
};

/// A gateway with new settings.
#[derive(Debug)]
pub struct Reloaded {
    /// The gateway. It has the registry and the connections of the former one.
    pub gateway: Gateway,
    /// Settings that differ, and need a restart: they kept their values.
    pub need_restart: Vec<&'static str>,
}

impl Gateway {
    /// The same gateway with other settings. Routers of the former one remain usable; those of the new one must replace them.
    ///
    /// # Errors
    /// A setting has a value with which the gateway cannot work. Nothing has changed.
    pub async fn reloaded(&self, mut config: GatewayConfig) -> Result<Reloaded, ConfigError> {
        config.check()?;
        let need_restart = config.keep_fixed(self.config());
        // The new values must also fit the former ones.
        config.check()?;
        let settings = Settings::new(&config, &self.rules())?;
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        let shared = Arc::new(Shared {
            config,
            settings,
            core: Arc::clone(&self.shared.core),
        });
        shared.core.publisher.reinstall(shared.instances()).await;
        let gateway = Self {
            pool: new_pool(&shared),
            shared,
        };
        let newest = Arc::downgrade(&gateway.shared);
        gateway.shared.core.renewed.send_replace(newest);
        Ok(Reloaded {
            gateway,
            need_restart,
        })
    }

    /// This gateway with its newest settings.
    pub(crate) fn newest(&self) -> Self {
        let newest = self.shared.core.renewed.borrow().upgrade();
        Self {
            shared: newest.unwrap_or_else(|| Arc::clone(&self.shared)),
            pool: Arc::clone(&self.pool),
        }
    }

    /// Checks configured services and instances that can't be reached, with the newest settings, for ever.
    pub(crate) async fn keep_instances(&self) {
        let mut renewed = self.shared.core.renewed.subscribe();
        loop {
            let newest = renewed.borrow_and_update().upgrade();
            let gateway = Self {
                shared: newest.unwrap_or_else(|| Arc::clone(&self.shared)),
                pool: Arc::clone(&self.pool),
            };
            let services: &[ConfiguredService] = &gateway.shared.settings.configured_services;
            let keeping = async {
                tokio::join!(
                    configured::run_health_checks(&gateway, services),
                    probes::run(&gateway)
                );
            };
            tokio::select! {
                () = keeping => {}
                _ = renewed.changed() => {}
            }
        }
    }
}
