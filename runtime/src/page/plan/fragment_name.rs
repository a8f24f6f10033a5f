//! Which fragment is meant: the service that owns it, and its `ref`.
#![deny(clippy::disallowed_methods)]

use std::sync::Arc;

/// The service that owns a fragment. `None` is this service.
pub(crate) type Owner = Option<Arc<str>>;

/// A fragment: its owner and its `ref`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FragmentName {
    pub(crate) owner: Owner,
    pub(crate) reference: Arc<str>,
}

/// The owner that the text of a `service` attribute names on a page of the service `own`.
pub(crate) fn owner(service: &str, own: &str) -> Owner {
    let service = service.trim();
    (!service.is_empty() && service != "self" && service != own).then(|| Arc::from(service))
}
