//! The registry of a single gateway, in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::{self, BoxFuture};

use super::Store;
use crate::{
    Millis,
    limits::RegistryLimits,
    registry::state::{Event, RegistrationDenied, Registry, View},
};

/// A registry in this process.
#[derive(Debug)]
pub(crate) struct MemoryStore {
    /// The lock is held for one event, never across an await.
    registry: Mutex<Registry>,
}

impl MemoryStore {
    /// An empty registry with these limits.
    pub(crate) fn new(limits: RegistryLimits) -> Self {
        Self {
            registry: Mutex::new(Registry::limited(limits)),
        }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // The registry is consistent after each event, even if a thread panicked elsewhere.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn apply(&self, event: Event, now: Millis) -> BoxFuture<'_, Result<bool, RegistrationDenied>> {
        let changes = self.registry().apply(event, now);
        Box::pin(future::ready(changes.denied.map_or(Ok(changes.known), Err)))
    }

    fn refresh(&self, now: Millis) -> BoxFuture<'_, ()> {
        self.registry().apply(Event::Tick, now);
        Box::pin(future::ready(()))
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(future::pending())
    }

    fn view(&self) -> View {
        self.registry().view()
    }

    fn version(&self) -> u64 {
        self.registry().version()
    }

    fn is_complete(&self) -> bool {
        true
    }

    fn outage(&self) -> Option<String> {
        None
    }
}
