//! What all requests of an engine share.
#![deny(clippy::disallowed_methods)]

use std::{collections::HashMap, sync::Arc};

use hydra_contract::{PLAN_FORMAT, Plan};
use hydra_runtime_wire::Asset;
use tera::Tera;

use crate::page::{
    after_page::AfterPage,
    assets,
    cache::FragmentCache,
    plan::PreparedPlan,
    render::templates::Templates,
    report::{Reporter, error::EngineError},
    setup::options::Options,
};

/// What all requests of an engine share.
pub(crate) struct Shared {
    pub(crate) plan: Arc<PreparedPlan>,
    pub(crate) options: Options,
    pub(crate) templates: Templates,
    pub(crate) reporter: Reporter,
    /// Answers for the tags' `cache` and `stale`. `None`: the application keeps none.
    pub(crate) cache: Option<Arc<FragmentCache>>,
    /// What fragments that come after their page need. `None`: the plan has none, or the options do not allow them.
    pub(crate) after_page: Option<AfterPage>,
    /// The style sheets and scripts of each offered fragment, by `ref`.
    assets: HashMap<String, Vec<Asset>>,
    /// Tera with the application's filters and functions, and without templates.
    #[cfg(debug_assertions)]
    without_templates: Tera,
}

impl Shared {
    /// Loads `plan`. `seed` makes the markers and must be random. The application adds its filters and functions in `setup`.
    pub(crate) fn new(
        plan: Plan,
        options: Options,
        seed: u128,
        setup: impl FnOnce(&mut Tera),
    ) -> Result<Self, EngineError> {
        let mut tera = Tera::default();
        assets::function::register(options.static_files(), &mut tera);
        setup(&mut tera);
        Self::load(plan, options, seed, tera)
    }

    /// The same with another plan.
    #[cfg(debug_assertions)]
    pub(crate) fn with_plan(&self, plan: Plan, seed: u128) -> Result<Self, EngineError> {
        Self::load(plan, self.options.clone(), seed, self.without_templates.clone())
    }

    /// Loads `plan` into `tera`, which has the application's filters and functions already.
    fn load(plan: Plan, options: Options, seed: u128, tera: Tera) -> Result<Self, EngineError> {
        if plan.format != PLAN_FORMAT {
            return Err(EngineError::Format {
                found: plan.format,
                expected: PLAN_FORMAT,
            });
        }
        let prepared = Arc::new(PreparedPlan::new(&plan, &options.service));
        Ok(Self {
            #[cfg(debug_assertions)]
            without_templates: tera.clone(),
            reporter: Reporter::new(prepared.clone()),
            cache: FragmentCache::new(options.fragment_cache),
            after_page: options.after_page.clone().filter(|_| plan.has_later()),
            assets: assets::offered(&plan.contract, &options.resources),
            templates: Templates::load(plan, prepared.clone(), tera, seed)?,
            plan: prepared,
            options,
        })
    }

    /// The style sheets and scripts of the offered fragment `reference`.
    pub(crate) fn assets_of(&self, reference: &str) -> Vec<Asset> {
        self.assets.get(reference).cloned().unwrap_or_default()
    }
}
