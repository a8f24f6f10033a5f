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

mod answer;
mod assets;
mod batch;
mod begins;
mod body;
mod call;
mod canvas;
mod collect;
mod core;
mod counters;
mod drive;
mod engine;
mod error;
mod exports;
mod fragment;
mod holding;
mod later;
mod lazy;
mod marker;
mod meter;
mod note;
mod options;
mod owner;
mod patience;
mod place;
#[cfg(test)]
#[path = "../../tests/page/plans.rs"]
mod plans;
mod prepare;
mod reason;
mod resources;
mod respond;
mod reuse;
mod state;
mod terms;
mod value;
mod visitor;
mod wave;

pub(crate) use self::options::{DEFAULT_DEFERRED_GRACE, DEFAULT_FRAGMENT_CACHE};
pub use self::{
    answer::{Answer, AskId, StaleCopy},
    call::{FragmentAnswer, FragmentCall},
    engine::Engine,
    error::{EngineError, PageFailure, RenderError, RequiredFailure},
    later::{BadNonce, Later, ScriptNonce},
    lazy::LazyRequest,
    options::{ErrorPage, HasFile, Options},
    reason::Reason,
    respond::{PageRequest, PageSessions},
    state::PageState,
    visitor::{SessionSink, Visitor},
};
