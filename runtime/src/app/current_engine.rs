//! The engine with which requests are answered at present. Only builds with debug assertions replace it.

#[cfg(debug_assertions)]
use arc_swap::ArcSwap;
#[cfg(debug_assertions)]
use hydra_contract::PlanUpdate;

use crate::page::Engine;
#[cfg(debug_assertions)]
use crate::page::EngineError;

/// The engine of an application.
pub(crate) struct CurrentEngine {
    #[cfg(not(debug_assertions))]
    engine: Engine,
    #[cfg(debug_assertions)]
    engine: ArcSwap<Engine>,
}

impl CurrentEngine {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            #[cfg(not(debug_assertions))]
            engine,
            #[cfg(debug_assertions)]
            engine: ArcSwap::from_pointee(engine),
        }
    }

    /// The engine for one request.
    pub(crate) fn now(&self) -> Engine {
        #[cfg(not(debug_assertions))]
        return self.engine.clone();
        #[cfg(debug_assertions)]
        Engine::clone(&self.engine.load())
    }

    /// Uses the plan to which `update` leads from now on. Requests under way end with the former one.
    ///
    /// # Errors
    /// The plan can't be used, and the former one stays.
    #[cfg(debug_assertions)]
    #[cfg_attr(not(unix), allow(dead_code))]
    pub(crate) fn update(&self, update: PlanUpdate) -> Result<(), EngineError> {
        let next = self.now().updated(update)?;
        self.engine.store(std::sync::Arc::new(next));
        Ok(())
    }
}
