//! The registry of a single gateway, in memory.

mod kept;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::{self, BoxFuture};

use super::{SteeringError, Store};
use crate::{
    Millis,
    limits::RegistryLimits,
    registry::{
        state::{Event, RegistrationDenied, Registry, View},
        steering::{Steering, SteeringChange},
    },
};

/// A registry in this process.
#[derive(Debug)]
pub(crate) struct MemoryStore {
    /// The lock is held for one event, never across an await.
    registry: Mutex<Registry>,
    /// What operators changed, and the number of changes.
    steering: Mutex<(Arc<Steering>, u64)>,
    /// The file that keeps it. Held while the file is written.
    file: tokio::sync::Mutex<Option<PathBuf>>,
}

impl MemoryStore {
    /// An empty registry with these limits.
    pub(crate) fn new(limits: RegistryLimits) -> Self {
        Self {
            registry: Mutex::new(Registry::limited(limits)),
            steering: Mutex::default(),
            file: tokio::sync::Mutex::default(),
        }
    }

    /// The same, which keeps what operators change in a file.
    ///
    /// # Errors
    /// The file is there and cannot be used.
    pub(crate) fn kept_in(self, file: PathBuf) -> Result<Self, String> {
        let state = kept::load(&file)?;
        Ok(Self {
            steering: Mutex::new((Arc::new(state), 0)),
            file: tokio::sync::Mutex::new(Some(file)),
            ..self
        })
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // The registry is consistent after each event, even if a thread panicked elsewhere.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn steering(&self) -> MutexGuard<'_, (Arc<Steering>, u64)> {
        self.steering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn change_steering(&self, change: &SteeringChange) -> Result<(), SteeringError> {
        let file = self.file.lock().await;
        let known = Arc::clone(&self.steering().0);
        let Some(next) = known.after(change)? else {
            return Ok(());
        };
        match &*file {
            Some(path) => {
                let (path, text) = (path.clone(), next.text());
                let saved = tokio::task::spawn_blocking(move || kept::save(&path, &text)).await;
                let saved = saved.unwrap_or_else(|error| Err(std::io::Error::other(error)));
                saved.map_err(|error| SteeringError::NotKept(format!("`steering_file`: {error}")))?;
            }
            None => tracing::warn!(
                "weights and drains are in memory only, and end with this process: name a `steering_file`, or a `redis`"
            ),
        }
        let mut steering = self.steering();
        *steering = (Arc::new(next), steering.1 + 1);
        Ok(())
    }
}

impl Store for MemoryStore {
    fn claim_call<'a>(&'a self, _: &'a str) -> BoxFuture<'a, bool> {
        // No other gateway shares this registry.
        Box::pin(future::ready(true))
    }

    fn apply(&self, event: Event, now: Millis) -> BoxFuture<'_, Result<bool, RegistrationDenied>> {
        let changes = self.registry().apply(event, now);
        Box::pin(future::ready(changes.denied.map_or(Ok(changes.known), Err)))
    }

    fn steer(&self, change: SteeringChange, _now: Millis) -> BoxFuture<'_, Result<(), SteeringError>> {
        Box::pin(async move { self.change_steering(&change).await })
    }

    fn refresh(&self, now: Millis) -> BoxFuture<'_, ()> {
        self.registry().apply(Event::Tick, now);
        Box::pin(future::ready(()))
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(future::pending())
    }

    fn age_of_change(&self) -> BoxFuture<'_, Option<Duration>> {
        Box::pin(future::ready(None))
    }

    fn view(&self) -> View {
        let mut view = self.registry().view();
        let steering = self.steering();
        view.steering = Arc::clone(&steering.0);
        view.version += steering.1;
        view
    }

    fn version(&self) -> u64 {
        self.registry().version() + self.steering().1
    }

    fn is_complete(&self) -> bool {
        true
    }

    fn outage(&self) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests;
