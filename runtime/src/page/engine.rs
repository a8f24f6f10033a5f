//! The engine: the templates of an application, ready to answer requests.

use std::{fmt, sync::Arc, time::Duration};

use axum::response::Response;
use hydra_contract::Plan;
#[cfg(debug_assertions)]
use hydra_contract::PlanUpdate;
use hydra_runtime_net::fragment_source::Caller;
use tera::{Context, Tera};

use crate::page::{
    after_page::AfterPage,
    fetch::call::{FragmentAnswer, FragmentCall},
    report::error::{EngineError, RenderError},
    respond::{
        fragment,
        lazy::{self, LazyRequest},
        page::{self, PageRequest},
    },
    setup::{options::Options, shared::Shared},
    state::PageState,
};

/// The templates of an application, ready to answer requests. A clone shares all of it.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

impl Engine {
    /// Loads `plan`. The application registers its filters, functions and tests in `setup`.
    ///
    /// # Errors
    /// The plan is of another version, or Tera refuses the templates; the error holds Tera's report.
    pub fn new(plan: Plan, options: Options, setup: impl FnOnce(&mut Tera)) -> Result<Engine, EngineError> {
        let seed = uuid::Uuid::new_v4().as_u128();
        Ok(Self(Arc::new(Shared::new(plan, options, seed, setup)?)))
    }

    /// An engine with the same options, filters, functions and tests for the plan to which `update` leads.
    ///
    /// # Errors
    /// As [`Engine::new`].
    #[cfg(debug_assertions)]
    pub(crate) fn updated(&self, update: PlanUpdate) -> Result<Engine, EngineError> {
        let seed = uuid::Uuid::new_v4().as_u128();
        Ok(Self(Arc::new(self.0.updated(update, seed)?)))
    }

    /// The fingerprint of the plan.
    #[cfg(debug_assertions)]
    #[cfg_attr(not(unix), allow(dead_code))]
    pub(crate) fn fingerprint(&self) -> u64 {
        self.0.as_made.fingerprint()
    }

    /// Answers a request for a page. Dropping the future or the response ends all work for it.
    pub async fn page(&self, request: PageRequest) -> Response {
        page::answer(self, request).await
    }

    /// Renders an offered fragment completely, the fragments in it included.
    pub async fn fragment(&self, call: FragmentCall) -> FragmentAnswer {
        fragment::answer(self, call).await
    }

    /// Answers a browser that asks for a lazy fragment by the address that a page gave it.
    pub async fn lazy(&self, request: LazyRequest) -> Response {
        // Boxed, because this future is three times as large as that of a page, and handlers that answer both should
        // stay small.
        Box::pin(lazy::answer(self, request)).await
    }

    /// What fragments that come after their page need. `None`: no page has such a fragment, or the options do not allow
    /// any.
    #[must_use]
    pub fn after_page(&self) -> Option<&AfterPage> {
        self.0.after_page.as_ref()
    }

    /// Renders `template` and finds its slots and holes, for a caller that fetches the fragments by itself.
    ///
    /// # Errors
    /// The template fails; the error names the place in it.
    pub fn begin(&self, template: &str, context: &Context) -> Result<PageState, RenderError> {
        PageState::new(self.shared_arc(), template, context, None, None)
    }

    /// Whether some tag for the fragment `reference` of `service` is lazy: the browser asks for it, and not the page.
    #[cfg(feature = "testing")]
    pub(crate) fn has_lazy(&self, service: &str, reference: &str) -> bool {
        self.0.plan.has_lazy(service, reference)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    pub(crate) fn shared_arc(&self) -> Arc<Shared> {
        self.0.clone()
    }

    /// The time that is left for the fragments of one page.
    pub(crate) fn budget(&self, caller: &Caller) -> Duration {
        let most = self.0.options.page_deadline;
        if caller.budget.is_zero() {
            most
        } else {
            caller.budget.min(most)
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}
