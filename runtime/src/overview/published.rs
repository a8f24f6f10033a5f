//! Publishes the newest overview. Readers take no lock, and do not wait for writers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use arc_swap::ArcSwap;
use hydra_runtime_wire::{MenuItem, ServiceOverview};
use tera::Tera;

use super::{
    Overview, functions,
    services::{KnownServices, OwnService},
};

/// The newest overview. Clones share it.
#[derive(Clone, Debug)]
pub struct PublishedOverview(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    current: ArcSwap<Overview>,
    /// Locked while an overview is made, never across an await. Readers do not lock it.
    services: Mutex<KnownServices>,
}

impl PublishedOverview {
    /// The overview of the application `name` with its paths and menus. It knows no other service yet.
    pub fn new(
        name: impl Into<String>,
        endpoints: Vec<String>,
        menus: impl IntoIterator<Item = (String, Vec<MenuItem>)>,
    ) -> Self {
        Self::of(OwnService {
            name: name.into(),
            endpoints,
            menus: menus.into_iter().collect(),
        })
    }

    pub(crate) fn of(own: OwnService) -> Self {
        let services = KnownServices::new(own);
        Self(Arc::new(Inner {
            current: ArcSwap::from_pointee(services.overview()),
            services: Mutex::new(services),
        }))
    }

    /// The newest overview.
    #[must_use]
    pub fn now(&self) -> Overview {
        Overview::clone(&self.0.current.load())
    }

    /// Gives templates the functions `menu(name=…)` and `is_there(path=…)`.
    pub fn register(&self, tera: &mut Tera) {
        functions::register(self, tera);
    }

    /// Takes in the services that the gateway named at `now`.
    pub(crate) fn update(&self, services: Vec<ServiceOverview>, now: Instant) {
        let mut known = self.0.services.lock().unwrap_or_else(PoisonError::into_inner);
        known.update(services, now);
        self.0.current.store(Arc::new(known.overview()));
    }

    /// Forgets services that went away long before `now`.
    pub(crate) fn expire(&self, now: Instant) {
        let mut known = self.0.services.lock().unwrap_or_else(PoisonError::into_inner);
        if known.expire(now) {
            self.0.current.store(Arc::new(known.overview()));
        }
    }
}
