//! What operators learn of a request: its id and trace, who answered it, and how long that took.
//!
//! [`Observer`] surrounds the handlers of a process. A process that a request reaches observes this request once, also where
//! one observed handler calls another. The [`RequestRecord`] of the request collects what the inner parts know; [`current()`]
//! finds it anywhere in the task of the request, above all in the lines of the log.

mod access_log;
mod action;
mod body;
mod current;
mod debug;
mod ids;
mod observer;
#[cfg_attr(not(feature = "otlp"), path = "observe/otlp_off.rs")]
mod otlp;
mod record;
mod requests;
mod settings;
pub mod trace;

pub use action::{ActionMeasures, ActionOutcome, ActionRecord};
pub use current::{current, scope, scoped, with_current};
pub use debug::{DebugKey, QUERY_NAME};
pub use observer::{Observer, ObserverConfig};
pub use record::{FragmentRecord, RequestRecord, Served};
pub use settings::{AccessLogTarget, Otlp, Share};

/// The label of services, fragments and actions that have no label of their own in metrics.
pub const OTHER: &str = "other";
