//! The operators' listener: metrics, readiness, and what else a program offers to its operators. It is apart from the
//! port of visitors.

mod host;
mod listen;
#[cfg(feature = "admin")]
mod routes;

pub use host::is_allowed;
pub use listen::{AdminListen, bind};
#[cfg(feature = "admin")]
pub use routes::{Admin, Readiness};
