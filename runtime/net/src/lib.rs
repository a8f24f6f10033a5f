//! What an application, a gateway and sessions share of the network: listening and serving, whom a request is for behind proxies, the
//! way to Redis, reading bodies within bounds, keeping answers within bounds, and where the fragments of other services come from.
//!
//! This crate is internal. `hydra_runtime` and `hydra_runtime_gateway` are made of it, and pin its exact version: use what they
//! export.
//!
//! # Features
//!
//! - `redis`: the way to Redis ([`redis_link`]).
//! - `servers`: Redis servers for tests.

pub mod bodies;
pub mod contracts;
pub mod limits;
pub mod lru_cache;
pub mod proxies;
#[cfg(feature = "redis")]
pub mod redis_link;
pub mod server;
pub mod size;
pub mod source;
mod toml_message;

pub use toml_message::toml_message;
