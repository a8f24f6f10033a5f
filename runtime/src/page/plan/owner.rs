//! Whose a fragment is.
#![deny(clippy::disallowed_methods)]

use std::sync::Arc;

/// A service of whom a fragment is asked. `None` is this one.
pub(crate) type Owner = Option<Arc<str>>;

/// Who is meant by the text of a `service` attribute on a page of `own`.
pub(crate) fn owner(service: &str, own: &str) -> Owner {
    let service = service.trim();
    (!service.is_empty() && service != "self" && service != own).then(|| Arc::from(service))
}
