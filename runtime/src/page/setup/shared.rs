//! What all requests of an engine share.
#![deny(clippy::disallowed_methods)]

#[cfg(debug_assertions)]
use std::collections::BTreeSet;
use std::{collections::HashMap, sync::Arc};

#[cfg(debug_assertions)]
use hydra_contract::PlanUpdate;
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
    /// The plan as the compiler made it, from which the next one may be an update.
    #[cfg(debug_assertions)]
    pub(crate) as_made: Plan,
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

    /// The same with the plan to which `update` leads.
    #[cfg(debug_assertions)]
    pub(crate) fn updated(&self, update: PlanUpdate, seed: u128) -> Result<Self, EngineError> {
        let changed = update.plan.templates.clone();
        let (plan, options) = (update.apply(&self.as_made), self.options.clone());
        let tera = self.without_templates.clone();
        let names: BTreeSet<&String> = plan.templates.iter().map(|template| &template.name).collect();
        let mut former = self.as_made.templates.iter();
        // Tera forgets no template.
        match former.all(|template| names.contains(&template.name)) {
            false => Self::load(plan, options, seed, tera),
            true => Self::with(plan, options, tera, |_, prepared, _| {
                self.templates.updated(&changed, prepared, seed)
            }),
        }
    }

    /// Loads `plan` into `tera`, which has the application's filters and functions already.
    fn load(plan: Plan, options: Options, seed: u128, tera: Tera) -> Result<Self, EngineError> {
        Self::with(plan, options, tera, |plan, prepared, tera| {
            Templates::load(plan, prepared, tera, seed)
        })
    }

    /// Prepares `plan`, whose templates `load` loads.
    fn with(
        plan: Plan,
        options: Options,
        tera: Tera,
        load: impl FnOnce(Plan, Arc<PreparedPlan>, Tera) -> Result<Templates, EngineError>,
    ) -> Result<Self, EngineError> {
        if plan.format != PLAN_FORMAT {
            return Err(EngineError::Format {
                found: plan.format,
                expected: PLAN_FORMAT,
            });
        }
        let prepared = Arc::new(PreparedPlan::new(&plan, &options.service));
        Ok(Self {
            #[cfg(debug_assertions)]
            as_made: plan.clone(),
            #[cfg(debug_assertions)]
            without_templates: tera.clone(),
            reporter: Reporter::new(prepared.clone()),
            cache: FragmentCache::new(options.fragment_cache),
            after_page: options.after_page.clone().filter(|_| plan.has_later()),
            assets: assets::offered(&plan.contract, &options.resources),
            templates: load(plan, prepared.clone(), tera)?,
            plan: prepared,
            options,
        })
    }

    /// The style sheets and scripts of the offered fragment `reference`.
    pub(crate) fn assets_of(&self, reference: &str) -> Vec<Asset> {
        self.assets.get(reference).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use hydra_contract::{PlanUpdate, Template};
    use tera::Context;

    use super::*;
    use crate::page::render::marker::Part;

    /// A plan of templates with these names and sources.
    fn plan(templates: &[(&str, &str)]) -> Plan {
        let template = |(name, source): &(&str, &str)| Template {
            name: (*name).to_owned(),
            source: (*source).to_owned(),
            origin: None,
        };
        Plan {
            format: PLAN_FORMAT,
            templates: templates.iter().map(template).collect(),
            ..Plan::default()
        }
    }

    #[test]
    fn an_update_renders_as_the_whole_plan_does() {
        let first = plan(&[("page", "{% include \"part\" %}!"), ("part", "old")]);
        let shared = Shared::new(first, Options::new("shop"), 1, |_| ()).expect("it loads");
        let shown = |shared: &Shared, name: &str| {
            let rendered = shared.templates.render(name, &Context::new(), 0);
            rendered.map(|rendered| match &rendered.parts[..] {
                [Part::Text(text)] => String::from_utf8_lossy(text).into_owned(),
                other => format!("{other:?}"),
            })
        };
        let updated = |shared: &Shared, next: &[(&str, &str)]| {
            shared.updated(PlanUpdate::between(&shared.as_made, &plan(next)), 2)
        };
        let page = ("page", "{% include \"part\" %}!");
        let second = updated(&shared, &[page, ("part", "new")]).expect("it loads");
        assert_eq!(shown(&second, "page").expect("a text"), "new!");
        let third = updated(&second, &[page, ("more", "more"), ("part", "new")]).expect("it loads");
        assert_eq!(shown(&third, "more").expect("a text"), "more");
        let fourth = updated(&third, &[("page", "alone")]).expect("it loads");
        assert_eq!(shown(&fourth, "page").expect("a text"), "alone");
        assert!(shown(&fourth, "part").is_err(), "it is gone");
        assert!(updated(&fourth, &[page]).is_err(), "it includes what is gone");
        assert_eq!(shown(&shared, "page").expect("a text"), "old!");
    }
}
