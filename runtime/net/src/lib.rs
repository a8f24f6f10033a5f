//! The network code that applications, gateways and sessions share.
//!
//! - [`server`] listens, accepts and serves connections. [`proxies`] finds the visitor's address behind trusted
//!   proxies.
//! - [`fragment_source`] is the interface through which pages get the fragments of other services.
//! - [`observe`] gives each request its id and its place in a trace, and counts it.
//! - [`admin`] is the listener for operators, and [`metrics`] what it shows.
//! - [`channel`] carries requests in both directions over one connection between a service and a gateway.
//! - [`bodies`] reads request bodies within bounds, and [`ReplacedBody`] replaces pieces of a page that streams. [`lru_cache`] keeps values within bounds of bytes and entries.
//! - [`boxed`] boxes large futures.
//! - `redis_link` connects to Redis: one server, Sentinel or a cluster.
//! - [`size`] parses sizes in settings, [`settings_problem()`] describes errors in TOML files, and [`contracts`] logs
//!   contract problems.
//! - [`line_queue`] takes lines of logs without waiting. [`link_query`] reads links that tell this process something.
//! - [`limits`] has every limit with its reason.
//!
//! # Features
//!
//! - `admin`: the listener for operators, with the metrics of the process.
//! - `redis`: the connection to Redis (`redis_link`).
//! - `tls`: ports of a server with TLS.
//! - `servers`: Redis servers for tests.
//!
//! This crate is internal: there is no stability promise. `hydra_runtime` and `hydra_runtime_gateway` are built on
//! it, and pin its exact version: use what they export.

pub mod admin;
pub mod bodies;
pub mod boxed;
pub mod channel;
pub mod contracts;
pub mod duration;
pub mod fragment_source;
pub mod limits;
pub mod line_queue;
pub mod link_query;
pub mod lru_cache;
pub mod metrics;
pub mod observe;
pub mod proxies;
#[cfg(feature = "redis")]
pub mod redis_link;
mod replaced_body;
pub mod server;
mod settings_problem;
pub mod size;

pub use replaced_body::ReplacedBody;
pub use settings_problem::settings_problem;
