//! The page engine (design section 5): Tera renders a page once, fragments and regions that need exports are filled
//! in afterwards, and the response streams in document order.
//!
//! A *slot* is the place of a fragment, a *hole* that of a region which needs an export; a *site* of the plan is
//! either. A *lifted* text is the fallback of a slot or the content of a hole: the compiler made it a template of its
//! own.
//!
//! A request goes downwards through the folders:
//!
//! - `respond` answers requests for pages, for offered fragments and for lazy fragments. `status` decides the status of a
//!   page.
//! - `fetch` gets the fragments: from this service, from others or from the cache, each within its deadline.
//! - `state` knows which slots and holes of a page are open, and which text may leave.
//! - `render` renders templates with Tera and finds the slots and holes in their text.
//!
//! Beside them, `plan` is what the compiler found out about the templates, `cache` keeps answers for the tags' `cache` and
//! `stale`, `assets` links style sheets and scripts, `after_page` writes deferred fragments and the addresses of lazy ones,
//! `preview` tells a visitor which versions the page previews, `report` counts and logs, and `setup` holds the options and what all requests share.
//!
//! Nothing from [`PageState`] downwards uses clocks, tasks or sockets.

mod after_page;
mod answer;
mod assets;
mod cache;
mod engine;
mod fetch;
mod plan;
#[cfg(test)]
#[path = "../../tests/page/plans.rs"]
mod plans;
mod preview;
mod render;
mod report;
mod respond;
mod setup;
mod state;

pub(crate) use self::setup::options::{
    DEFAULT_DEFERRED_GRACE, DEFAULT_FRAGMENT_CACHE, DEFAULT_FRAGMENT_TIMEOUT, DEFAULT_PAGE_DEADLINE,
};
pub use self::{
    after_page::{AfterPage, Prologue},
    answer::{Answer, FetchId, PrefilledSlot, StaleCopy},
    assets::{
        function::HasFile,
        script_nonce::{BadNonce, ScriptNonce},
    },
    engine::Engine,
    fetch::call::{FragmentAnswer, FragmentCall},
    preview::PreviewBar,
    report::{
        error::{EngineError, PageFailure, RenderError, RequiredFailure},
        reason::Reason,
    },
    respond::{
        lazy::LazyRequest,
        page::{PageRequest, PageSessions},
        visitor::{PageVisitor, SessionSink},
    },
    setup::options::{ErrorPage, Options},
    state::PageState,
};
