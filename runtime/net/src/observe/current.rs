//! The request that the current task works for.

use std::{future::Future, sync::Arc};

use super::RequestRecord;

tokio::task_local! {
    static CURRENT: Arc<RequestRecord>;
}

/// The request that the current task works for, if it is known.
#[must_use]
pub fn current() -> Option<Arc<RequestRecord>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Calls `read` with the request that the current task works for.
pub fn with_current<R>(read: impl FnOnce(&RequestRecord) -> R) -> Option<R> {
    CURRENT.try_with(|record| read(record)).ok()
}

/// `work` for this request.
pub fn scope<F: Future>(record: Arc<RequestRecord>, work: F) -> impl Future<Output = F::Output> {
    // Not an async function: its future would have room for `work` twice.
    CURRENT.scope(record, work)
}

/// Does `work` for this request, or for none.
pub fn scoped<R>(record: Option<&Arc<RequestRecord>>, work: impl FnOnce() -> R) -> R {
    match record {
        Some(record) => CURRENT.sync_scope(Arc::clone(record), work),
        None => work(),
    }
}
