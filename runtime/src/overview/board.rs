//! Where the newest overview hangs: whoever looks takes no lock, and who writes makes nobody wait.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use arc_swap::ArcSwap;
use hydra_runtime_wire::{MenuItem, ServiceOverview};
use tera::Tera;

use super::{
    Overview, functions,
    memory::{Memory, Own},
};

/// The newest overview. A clone is the same board.
#[derive(Clone, Debug)]
pub struct Board(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    current: ArcSwap<Overview>,
    /// Held while an overview is made, never across an await. Readers do not need it.
    memory: Mutex<Memory>,
}

impl Board {
    /// The board of the application `name`, which offers these paths and menus and knows nobody else yet.
    pub fn new(
        name: impl Into<String>,
        endpoints: Vec<String>,
        menus: impl IntoIterator<Item = (String, Vec<MenuItem>)>,
    ) -> Self {
        Self::of(Own {
            name: name.into(),
            endpoints,
            menus: menus.into_iter().collect(),
        })
    }

    pub(crate) fn of(own: Own) -> Self {
        let memory = Memory::new(own);
        Self(Arc::new(Inner {
            current: ArcSwap::from_pointee(memory.overview()),
            memory: Mutex::new(memory),
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

    /// Takes in what the gateway said at `now`.
    pub(crate) fn learn(&self, services: Vec<ServiceOverview>, now: Instant) {
        let mut memory = self.0.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.learn(services, now);
        self.0.current.store(Arc::new(memory.overview()));
    }

    /// Forgets who went away long before `now`.
    pub(crate) fn forget(&self, now: Instant) {
        let mut memory = self.0.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.forget(now) {
            self.0.current.store(Arc::new(memory.overview()));
        }
    }
}
