//! The cookies that travel on to the owners of fragments. What other cookies hold is nobody else's business.
#![deny(clippy::disallowed_methods)]

/// What the names of our own cookies begin with.
pub(crate) const OURS: &str = "HYDRA-";
/// The login.
const LOGIN: &str = "HYDRA-SSO";
/// Keeps a visitor on one set of versions.
pub(crate) const VERSION: &str = "HYDRA-VERSION";
/// They go to services of protocol 2 only: others do not know what a login is, and could use it against others.
pub(crate) const TRAVELLING: [&str; 2] = [LOGIN, VERSION];
