//! Where a request goes: each change of the registry becomes a new immutable snapshot, which requests read without a lock.
//!
//! - [`publisher`]: passes events to the store, and publishes a new snapshot after each change.
//! - [`snapshot`]: the registry as all requests see it, with its `routes` and `services`.
//! - [`weights`]: the share of each version of a service.
//! - [`version_cookie`]: keeps a visitor on one set of versions. [`previews`]: lets a visitor see another version.
//! - [`pins`]: keeps a visitor with one instance.

pub(crate) mod pins;
pub(crate) mod previews;
pub(crate) mod publisher;
mod routes;
mod service;
mod services;
pub(crate) mod snapshot;
pub(crate) mod version_cookie;
pub(crate) mod weights;
