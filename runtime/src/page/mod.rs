//! The page engine (design section 5): Tera renders a page once, fragments and regions that need exports are filled
//! in afterwards, and the response streams in document order.
//!
//! The way of a request, downwards:
//! [`Engine`] → `respond` (status, first byte) → `drive` (waves, deadlines) → [`PageState`] (what is open, what is
//! ready) → `core` (one Tera render, onto a `canvas`) → `collect` (the `__hydra` filter).
//! Beside it: `reuse` keeps answers that several requests share, and `drive` and `lazy` look there before they ask an owner;
//! `batch` and `wave` are what goes out to other services and comes back; `later` writes what comes after the page; `lazy`
//! answers browsers that ask for a lazy fragment.
//! Everything from [`PageState`] downwards is free of clocks, tasks and sockets.

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
mod render;
mod report;
mod respond;
mod setup;
mod state;

pub(crate) use self::setup::options::{DEFAULT_DEFERRED_GRACE, DEFAULT_FRAGMENT_CACHE};
pub use self::{
    after_page::AfterPage,
    answer::{Answer, FetchId, StaleCopy},
    assets::{
        function::HasFile,
        script_nonce::{BadNonce, ScriptNonce},
    },
    engine::Engine,
    fetch::call::{FragmentAnswer, FragmentCall},
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
