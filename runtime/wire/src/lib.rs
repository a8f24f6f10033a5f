//! What services and gateways say to each other: the bodies of the wire protocol, who signs a call, its chain of callers, names,
//! paths and the route table, what may be kept and for how long.
//!
//! This crate is internal. `hydra_runtime` and `hydra_runtime_gateway` are made of it, and pin its exact version: use what they
//! export. All of it is pure: there are no sockets, tasks, files or clocks here.
//!
//! # Features
//!
//! - `signing`: signed calls ([`signing`]), which need cryptography.

mod body;
pub mod call_chain;
pub mod cookies;
pub mod freshness;
pub mod headers;
pub mod limits;
pub mod lines;
pub mod names;
pub mod paths;
pub mod registration;
pub mod routes;
#[cfg(feature = "signing")]
pub mod signing;

pub use body::*;
