//! The network code that applications, gateways and sessions share.
//!
//! - [`server`] listens, accepts and serves connections. [`proxies`] finds the visitor's address behind trusted
//!   proxies.
//! - [`fragment_source`] is the interface through which pages get the fragments of other services.
//! - [`bodies`] reads request bodies within bounds. [`lru_cache`] keeps values within bounds of bytes and entries.
//! - `redis_link` connects to Redis: one server, Sentinel or a cluster.
//! - [`size`] parses sizes in settings, [`settings_problem()`] describes errors in TOML files, and [`contracts`] logs
//!   contract problems.
//! - [`limits`] has every limit with its reason.
//!
//! # Features
//!
//! - `redis`: the connection to Redis (`redis_link`).
//! - `servers`: Redis servers for tests.
//!
//! This crate is internal: there is no stability promise. `hydra_runtime` and `hydra_runtime_gateway` are built on
//! it, and pin its exact version: use what they export.

pub mod bodies;
pub mod contracts;
pub mod duration;
pub mod fragment_source;
pub mod limits;
pub mod lru_cache;
pub mod proxies;
#[cfg(feature = "redis")]
pub mod redis_link;
pub mod server;
mod settings_problem;
pub mod size;

pub use settings_problem::settings_problem;
