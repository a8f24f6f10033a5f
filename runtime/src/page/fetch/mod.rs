//! Gets the fragments of a page: from this service, from others, or from the cache, each within its deadline.
//!
//! A fragment that [`PageState`](crate::page::PageState) wants becomes a [`PendingFetch`](pending::PendingFetch), which owns its
//! deadline, its place in the cache and its stage. [`Driver`] moves all of them on whenever the page's task is woken: `send`
//! starts what is new, and `receive` takes in what has come and gives up what is late. The driver spawns nothing, and the task
//! of a fragment's handler ends (at its next `await`) when the call is dropped, so that dropping the driver ends all work for
//! the page.

pub(crate) mod batch;
mod batch_mark;
pub(crate) mod call;
pub(crate) mod deadline;
pub(crate) mod driver;
mod pending;
mod receive;
mod send;
pub(crate) mod sent_batch;
pub(crate) mod sessions;
mod waits;
